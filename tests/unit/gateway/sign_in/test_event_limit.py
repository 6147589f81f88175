"""The event limit of one connection. The tests pass the time, in seconds."""

from __future__ import annotations

from roomcast.engineio.limits.token_bucket import TokenBucket
from roomcast.gateway.sign_in.event_limit import BYTES_PER_EVENT, ROWS_PER_EVENT, EventLimit, Ruling


def limit_of(rate: float, burst: float) -> EventLimit:
    return EventLimit(TokenBucket(rate, burst, 0.0), TokenBucket(rate, 20, 0.0))


def rulings(limit: EventLimit, count: int, now: float) -> list[Ruling]:
    return [limit.rule(now) for _ in range(count)]


def test_a_client_above_the_rate_is_first_limited_and_then_disconnected() -> None:
    limit = limit_of(10, 5)

    got = rulings(limit, 40, 0.0)

    assert got == [Ruling.ALLOWED] * 5 + [Ruling.LIMITED] * 20 + [Ruling.CUT] * 15


def test_a_client_that_waits_for_retry_after_is_never_disconnected() -> None:
    limit, now = limit_of(10, 5), 0.0
    rulings(limit, 6, now)

    for _ in range(1_000):
        now += limit.retry_after()
        ruling = limit.rule(now)
        assert ruling is not Ruling.CUT

    assert limit.rule(now + 1) is Ruling.ALLOWED


def test_retry_after_is_at_least_a_millisecond() -> None:
    limit = limit_of(1_000_000, 1)
    rulings(limit, 2, 0.0)

    assert limit.retry_after() == 0.001


def test_a_large_answer_counts_as_several_events_and_leaves_a_debt() -> None:
    limit = limit_of(10, 5)
    assert limit.rule(0.0) is Ruling.ALLOWED
    limit.charge(size=20 * BYTES_PER_EVENT, rows=4 * ROWS_PER_EVENT)
    assert limit.rule(0.0) is Ruling.LIMITED
    assert limit.retry_after() == 2.1
    assert limit.debt_seconds(1.0) == 1.0
    assert limit.debt_seconds(2.5) == 0.0
    assert limit.rule(2.5) is Ruling.ALLOWED
