"""All connections of a user, at all gateways, share one limit. Overload lowers the limits of all users."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.limits import CUSTOM_EVENTS_BURST, CUSTOM_EVENTS_PER_SECOND
from roomcast.gateway.operations.user_limits import (
    BURST_SECONDS,
    FREE_JOIN_SECONDS,
    MAX_CONNECTIONS,
    MIN_FACTOR,
    OVERLOAD_SECONDS,
    PEAK_SECONDS,
    REDIS_PATIENCE,
    SHARES,
    SIGN_IN_EVENTS,
    UserLimit,
    UserLimits,
)
from tests.clock import Clock

RATE = 50.0
ROOMS = 10


@pytest.fixture
def clock() -> Clock:
    return Clock(100.0)


@pytest.fixture
def limits(clock: Clock) -> UserLimits:
    return UserLimits(RATE, clock, rooms_per_connection=ROOMS)


def take_all(limits: UserLimits, clock: Clock, user: str, seconds: float) -> int:
    """Send 1,000 events a second for `seconds`; return how many were allowed."""
    bucket = limits._users[user].bucket
    taken = 0
    for _ in range(round(seconds * 1_000)):
        clock.now += 0.001
        taken += bucket.take(clock.now)
    return taken


def test_one_connection_has_its_rate_and_a_burst_of_four_seconds(limits: UserLimits, clock: Clock) -> None:
    limits.add_connection("ada")
    assert take_all(limits, clock, "ada", 10.0) == pytest.approx(RATE * (10 + BURST_SECONDS), abs=2)


@pytest.mark.parametrize("connections", [2, SHARES, SHARES + 1, MAX_CONNECTIONS])
def test_many_connections_together_have_at_most_the_rate_of_four_connections(
    limits: UserLimits, clock: Clock, connections: int
) -> None:
    for _ in range(connections):
        limits.add_connection("ada")
    shares = min(connections, SHARES)
    assert take_all(limits, clock, "ada", 2.0) == pytest.approx(RATE * shares * (2 + BURST_SECONDS), abs=2)


def test_reconnecting_does_not_raise_the_rate(limits: UserLimits, clock: Clock) -> None:
    limits.add_connection("ada")
    take_all(limits, clock, "ada", 10.0)
    for _ in range(20):
        limits.remove_connection("ada")
        limits.add_connection("ada")
    assert take_all(limits, clock, "ada", 3.0) == pytest.approx(3 * RATE - 20 * SIGN_IN_EVENTS, abs=2)


def test_a_second_connection_that_reconnects_adds_its_burst_at_most_once_a_minute(
    limits: UserLimits, clock: Clock
) -> None:
    limits.add_connection("ada")
    limits.add_connection("ada")
    take_all(limits, clock, "ada", 10.0)
    for _ in range(3):
        limits.remove_connection("ada")
        limits.add_connection("ada")
    assert take_all(limits, clock, "ada", 1.0) <= 2 * RATE
    clock.now += PEAK_SECONDS
    take_all(limits, clock, "ada", 10.0)
    limits.remove_connection("ada")
    limits.add_connection("ada")  # after PEAK_SECONDS the connection counts as new, and adds its burst again
    assert take_all(limits, clock, "ada", 1.0) == pytest.approx(2 * RATE + RATE * BURST_SECONDS, abs=2)


def test_a_user_who_signs_in_again_and_again_is_refused(limits: UserLimits, clock: Clock) -> None:
    limits.require_place("ada")
    limits.add_connection("ada")

    def sign_in_again() -> None:
        limits.require_place("ada")
        limits.remove_connection("ada")
        limits.add_connection("ada")

    for _ in range(round((BURST_SECONDS + 1) * RATE / SIGN_IN_EVENTS)):
        sign_in_again()
    sign_in_again()
    with pytest.raises(RoomcastError) as caught:
        sign_in_again()
    assert caught.value.code is Code.RATE_LIMITED
    clock.now += 10.0
    sign_in_again()


def test_a_connection_above_max_connections_is_refused(limits: UserLimits) -> None:
    for _ in range(MAX_CONNECTIONS):
        limits.add_connection("ada")
    with pytest.raises(RoomcastError) as caught:
        limits.add_connection("ada")
    assert caught.value.code is Code.RATE_LIMITED
    limits.remove_connection("ada")
    limits.add_connection("ada")


async def test_busy_users_are_reported_and_limited_to_the_share_of_this_gateway(
    limits: UserLimits, clock: Clock
) -> None:
    for _ in range(SHARES):
        limits.add_connection("ada")
    limits.add_connection("bob")
    take_all(limits, clock, "ada", BURST_SECONDS + 1)
    await limits.take_busy()
    used = take_all(limits, clock, "ada", 1.0)
    busy = await limits.take_busy()
    assert busy == {"ada": pytest.approx(used, abs=1)}

    limits.share_out(busy, {"ada": busy["ada"] * 4})
    take_all(limits, clock, "ada", 1.0)
    assert take_all(limits, clock, "ada", 1.0) == pytest.approx(RATE * SHARES / 4, abs=2)
    assert "ada" in await limits.take_busy()
    limits.share_out({"ada": 10}, {"ada": 10})
    take_all(limits, clock, "ada", 5.0)
    assert take_all(limits, clock, "ada", 1.0) == pytest.approx(RATE * SHARES, abs=2)


async def test_a_user_without_a_connection_is_removed_once_the_bucket_is_full(limits: UserLimits, clock: Clock) -> None:
    limits.add_connection("ada")
    take_all(limits, clock, "ada", 1.0)
    limits.remove_connection("ada")
    await limits.take_busy()
    await limits.take_busy()
    assert "ada" in limits._users
    clock.now += BURST_SECONDS + 1
    await limits.take_busy()
    assert limits._users == {}


async def test_a_debt_is_kept_after_the_last_connection_until_it_is_paid(limits: UserLimits, clock: Clock) -> None:
    limits.add_connection("ada").bucket.level = -1_000.0
    limits.remove_connection("ada")
    clock.now += BURST_SECONDS + 1
    await limits.take_busy()
    with pytest.raises(RoomcastError) as caught:
        limits.require_place("ada")
    assert caught.value.retry_after == pytest.approx((1_000 + 1) / RATE - BURST_SECONDS - 1)
    clock.now += 1_000 / RATE
    await limits.take_busy()
    assert limits._users == {}


async def test_the_sessions_of_a_user_share_the_limits_of_free_joins_and_custom_events(
    limits: UserLimits, clock: Clock
) -> None:
    def take(limit: UserLimit) -> tuple[int, int]:
        joins = sum(limit.free_joins.take(clock.now) for _ in range(1_000))
        return joins, sum(limit.custom_events.take(clock.now) for _ in range(1_000))

    assert take(limits.add_connection("ada")) == (ROOMS * SHARES, CUSTOM_EVENTS_BURST)
    for _ in range(5):
        limits.remove_connection("ada")
        assert take(limits.add_connection("ada")) == (0, 0)
    assert take(limits.add_connection("ada")) == (0, CUSTOM_EVENTS_BURST)
    limits.remove_connection("ada")
    limits.remove_connection("ada")
    clock.now += FREE_JOIN_SECONDS / 2
    await limits.take_busy()
    assert take(limits.add_connection("ada")) == (ROOMS * SHARES / 2, CUSTOM_EVENTS_BURST)
    clock.now += 1
    assert take(limits._users["ada"])[1] == CUSTOM_EVENTS_PER_SECOND
    limits.remove_connection("ada")
    clock.now += FREE_JOIN_SECONDS + 1
    await limits.take_busy()
    assert limits._users == {}


def test_all_rates_fall_while_the_loop_is_overloaded_and_rise_afterwards(limits: UserLimits, clock: Clock) -> None:
    limits.add_connection("ada")
    limits.record_busy(0.2)
    limits.adapt()
    assert limits.factor == 1.0
    for _ in range(20):
        limits.record_busy(0.2)
        limits.adapt()
    assert limits.factor == MIN_FACTOR
    limits.add_connection("bob")
    take_all(limits, clock, "bob", 1.0)
    assert take_all(limits, clock, "bob", 4.0) == pytest.approx(RATE * MIN_FACTOR * 4, abs=2)
    for _ in range(20):
        limits.record_busy(0.0)
        limits.adapt()
    assert limits.factor == 1.0
    take_all(limits, clock, "ada", 10.0)
    assert take_all(limits, clock, "ada", 1.0) == pytest.approx(RATE, abs=2)


async def test_all_rates_fall_while_redis_is_slow_and_rise_afterwards(clock: Clock) -> None:
    late = [REDIS_PATIENCE * 2 * OVERLOAD_SECONDS]
    limits = UserLimits(RATE, clock, lambda: late[0], rooms_per_connection=ROOMS)
    ticks = Ticks(5)
    with pytest.raises(asyncio.CancelledError):
        await limits.run(NoEvents(), ticks)
    assert limits.factor < 0.2
    late[0] = 0.0
    with pytest.raises(asyncio.CancelledError):
        await limits.run(NoEvents(), Ticks(20))
    assert limits.factor == 1.0


class Ticks:
    """A ticker with `count` ticks. After these, `wait` raises CancelledError."""

    def __init__(self, count: int) -> None:
        self._left = count

    async def wait(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise asyncio.CancelledError


class NoEvents:
    """The events port of a gateway without busy users."""

    async def report(self, events: Mapping[str, int]) -> dict[str, int]:
        return {}
