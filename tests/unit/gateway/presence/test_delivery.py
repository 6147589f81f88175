"""A presence change is delivered at once. Changes in the pause after a delivery are combined in the next delivery."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from roomcast.contract.envelope import PresenceRow
from roomcast.gateway.presence import delivery as module
from roomcast.gateway.presence.delivery import StatusDelivery, pause_after
from roomcast.gateway.presence.occupancy import OccupancyService
from roomcast.gateway.presence.watchers import Watchers
from tests.unit.gateway.presence.fakes import Names, Occupancy, Presence, Sender, start_task
from tests.waiting import until

PAUSE_SECONDS = 0.6


@pytest.mark.parametrize(
    ("packets", "seconds"), [(0, 0.05), (1, 0.05), (100, 0.05), (400, 0.2), (1_000, 0.5), (2_000, 1.0), (10**6, 1.0)]
)
def test_the_pause_grows_with_the_number_of_sent_packets(packets: int, seconds: float) -> None:
    assert pause_after(packets) == pytest.approx(seconds)


class Rig:
    def __init__(self) -> None:
        self.sender = Sender()
        self.watchers = Watchers(asyncio.get_running_loop().time)
        occupancy = OccupancyService(Occupancy(), Presence(), Names(), self.sender, self.watchers, set(), start_task)
        self.delivery = StatusDelivery(self.watchers, occupancy, self.sender)

    def change(self, *rows: tuple[str, str]) -> None:
        self.watchers.apply_changes([PresenceRow(user, status, 1) for user, status in rows])
        self.delivery.wake()

    def delivered(self) -> list[list[tuple[str, str]]]:
        return [[(row["user"], row["status"]) for row in data["changes"]] for _, _, data in self.sender.sent]


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setattr(module, "pause_after", lambda packets: PAUSE_SECONDS)
    rig = Rig()
    task = asyncio.get_running_loop().create_task(rig.delivery.run())
    yield rig
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_first_change_is_delivered_at_once_and_the_next_changes_are_combined(rig: Rig) -> None:
    rig.watchers.watch("c1", ["ada", "bob"])
    rig.change(("ada", "busy"))
    for _ in range(3):  # run the event loop without waiting
        await asyncio.sleep(0)
    assert rig.delivered() == [[("ada", "busy")]]
    for status in ("away", "online", "busy", "away"):
        rig.change(("ada", status), ("bob", status))
        await asyncio.sleep(0)
    assert len(rig.delivered()) == 1
    await until(lambda: len(rig.delivered()) == 2, "the second delivery")
    assert rig.delivered()[1] == [("ada", "away"), ("bob", "away")]


async def test_many_changes_are_collected_in_slices(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ADDED", 2)
    users = [f"user{number}" for number in range(9)]
    rig.watchers.watch("c1", users)
    rig.change(*((user, "busy") for user in users))
    for _ in range(3):
        await asyncio.sleep(0)
    assert rig.delivered() == [], "the collection yields to the event loop"
    await until(lambda: rig.delivered(), "the delivery")
    assert rig.delivered() == [[(user, "busy") for user in users]]


async def test_changes_of_users_who_are_no_longer_watched_are_not_sent(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ADDED", 1)
    rig.watchers.watch("c1", ["ada", "bob"])
    rig.watchers.watch("c2", ["ada"])
    rig.change(("ada", "busy"), ("bob", "busy"))
    await asyncio.sleep(0)
    rig.watchers.unwatch("c1", ["ada"])
    rig.watchers.unwatch("c2", ["ada"])
    await until(lambda: rig.delivered(), "the delivery")
    assert [(where, data) for where, _, data in rig.sender.sent] == [
        ("c1", {"changes": [{"user": "bob", "status": "busy", "last_seen": 1}]})
    ]


async def test_changes_of_unwatched_users_start_no_delivery(rig: Rig) -> None:
    rig.watchers.watch("c1", ["ada"])
    rig.change(("zoe", "busy"))
    await asyncio.sleep(0)
    rig.change(("ada", "busy"))
    for _ in range(3):
        await asyncio.sleep(0)
    assert rig.delivered() == [[("ada", "busy")]]
