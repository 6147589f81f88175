"""The daily allowance: gateways count the bytes of each user, and Redis adds the counts of all gateways."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from roomcast.contract.errors import Code, RoomcastError
from roomcast.gateway.operations.daily_bytes import RECHECK_SECONDS, REPORT_BYTES, DailyBytes, charge
from tests.clock import Clock

DAY = 86_400


class Port:
    """The bytes that each user has written today, in Redis. `most` is the allowance of each user."""

    def __init__(self, most: int = REPORT_BYTES) -> None:
        self.most = most
        self.written: dict[str, int] = {}
        self.reports = 0
        self.is_away = False

    async def report(self, written: Mapping[str, int]) -> dict[str, int]:
        if self.is_away:
            raise RoomcastError(Code.UNAVAILABLE)
        self.reports += 1
        for user, count in written.items():
            self.written[user] = self.written.get(user, 0) + count
        return {user: DAY if self.written[user] >= self.most else 0 for user in written}


class Rig:
    """The allowances of one gateway. `second` advances the clock by a second and reports."""

    def __init__(self) -> None:
        self.clock, self.port = Clock(100.0), Port()
        self.daily = DailyBytes(self.clock)

    async def second(self, count: int = 1) -> None:
        for _ in range(count):
            self.clock.now += 1.0
            await self.daily.report(self.port, await self.daily.take_due())


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_many_bytes_are_reported_within_a_second_and_few_bytes_once_the_user_has_disconnected(rig: Rig) -> None:
    ada, bob = rig.daily.add_connection("ada"), rig.daily.add_connection("bob")
    charge(ada, REPORT_BYTES, rig.clock.now)
    charge(bob, 10, rig.clock.now)
    await rig.second()
    assert rig.port.written == {"ada": REPORT_BYTES}
    rig.daily.remove_connection("bob")
    await rig.second(2)
    assert rig.port.written == {"ada": REPORT_BYTES, "bob": 10}
    assert (ada.unreported, rig.daily.all_unreported()) == (0, {})


async def test_a_refusal_has_the_time_until_the_next_day_as_retry_after(rig: Rig) -> None:
    ada = rig.daily.add_connection("ada")
    charge(ada, REPORT_BYTES, rig.clock.now)
    await rig.second()
    with pytest.raises(RoomcastError) as caught:
        charge(ada, 1, rig.clock.now)
    assert (caught.value.code, caught.value.retry_after) == (Code.RATE_LIMITED, DAY)
    assert ada.unreported == 0


async def test_connections_share_the_allowance_and_a_reconnect_does_not_renew_it(rig: Rig) -> None:
    ada = rig.daily.add_connection("ada")
    assert rig.daily.add_connection("ada") is ada
    charge(ada, REPORT_BYTES, rig.clock.now)
    for _ in range(2):
        rig.daily.remove_connection("ada")
    await rig.second(20)
    assert rig.daily.add_connection("ada").is_spent


async def test_users_without_a_connection_are_removed_when_their_allowance_is_not_spent(rig: Rig) -> None:
    rig.daily.add_connection("bob")
    rig.daily.remove_connection("bob")
    charge(rig.daily.add_connection("ada"), REPORT_BYTES, rig.clock.now)
    rig.daily.remove_connection("ada")
    await rig.second(2)
    assert list(rig.daily._users) == ["ada"]
    rig.clock.now += DAY
    await rig.second()
    assert not rig.daily._users


async def test_a_raised_allowance_takes_effect_within_seconds(rig: Rig) -> None:
    ada = rig.daily.add_connection("ada")
    charge(ada, REPORT_BYTES, rig.clock.now)
    await rig.second()
    assert ada.is_spent
    rig.port.most *= 2
    await rig.second(int(RECHECK_SECONDS))
    assert not ada.is_spent
    assert rig.port.reports == 2, "Redis is asked again only after RECHECK_SECONDS"


async def test_no_bytes_are_lost_while_redis_does_not_answer(rig: Rig) -> None:
    ada = rig.daily.add_connection("ada")
    charge(ada, REPORT_BYTES, rig.clock.now)
    rig.port.is_away = True
    await rig.second(3)
    rig.port.is_away = False
    await rig.second()
    assert rig.port.written == {"ada": REPORT_BYTES}
