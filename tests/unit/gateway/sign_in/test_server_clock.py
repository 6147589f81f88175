"""Redis's time, carried on between two readings."""

from roomcast.gateway.sign_in.server_clock import ServerClock


def test_it_is_redis_s_time_whatever_the_machine_says() -> None:
    monotonic = [100.0]
    clock = ServerClock(lambda: monotonic[0], lambda: 5_000.0)
    assert (clock.now(), clock.is_read) == (5_000.0, False)
    clock.read(1_400_000)
    assert clock.is_read
    monotonic[0] += 7.0
    assert clock.now() == 1_407.0
    clock.read(1_500_000)
    assert clock.now() == 1_500.0
