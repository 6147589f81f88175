"""Redis's clock, advanced by the monotonic clock between two reads."""

from roomcast.gateway.sign_in.server_clock import ServerClock


def test_the_clock_follows_redis_and_not_the_wall_clock() -> None:
    monotonic = [100.0]
    clock = ServerClock(lambda: monotonic[0], lambda: 5_000.0)
    assert (clock.now(), clock.is_read) == (5_000.0, False)
    clock.read(1_400_000)
    assert clock.is_read
    monotonic[0] += 7.0
    assert clock.now() == 1_407.0
    clock.read(1_500_000)
    assert clock.now() == 1_500.0
