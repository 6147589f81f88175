"""The clock of Redis. Between two reads the monotonic clock advances it."""

from roomcast.gateway.sign_in.redis_clock import RedisClock


def test_after_the_first_read_the_clock_follows_redis_instead_of_the_wall_clock() -> None:
    monotonic = [100.0]
    clock = RedisClock(lambda: monotonic[0], lambda: 5_000.0)
    assert (clock.now(), clock.is_set) == (5_000.0, False)
    clock.set_to(1_400_000)
    assert clock.is_set
    monotonic[0] += 7.0
    assert clock.now() == 1_407.0
    clock.set_to(1_500_000)
    assert clock.now() == 1_500.0
