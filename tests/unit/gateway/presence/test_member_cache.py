"""One look at a room for all who join within a second, with what happened meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import pytest

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events import PresenceChange
from roomcast.gateway.presence.member_cache import VIEW_SECONDS, MemberCache, Row


def row(user: str, status: str = "online") -> Row:
    return {"user": user, "name": user.title(), "status": status}


class Desk:
    """A look that tests answer by hand, and a clock that they move."""

    def __init__(self) -> None:
        self.now = 100.0
        self.looks: list[asyncio.Future[list[Row]]] = []
        self.asked: list[Collection[str]] = []
        self.views = MemberCache(self._look, self._start, lambda: self.now)

    async def _look(self, room: str, users: Collection[str]) -> list[Row]:
        self.asked.append(users)
        self.looks.append(asyncio.get_running_loop().create_future())
        return await self.looks[-1]

    @staticmethod
    def _start(work: Any, name: str) -> asyncio.Task[list[Row]]:
        return asyncio.get_running_loop().create_task(work, name=name)

    async def get(self, *found: Row) -> list[Row]:
        """The next answer, the look (if one is made) finding these."""
        count = len(self.looks)
        waiting = asyncio.ensure_future(self.views.get("room"))
        await asyncio.sleep(0)
        if len(self.looks) > count:
            self.looks[-1].set_result(list(found))
        return await waiting


async def test_all_who_ask_within_a_second_share_one_look() -> None:
    desk = Desk()

    answers = [await desk.get(row("ada")) for _ in range(3)]
    desk.now += VIEW_SECONDS + 0.1
    later = await desk.get(row("bob"))

    assert answers == [[row("ada")]] * 3
    assert (later, len(desk.looks)) == ([row("bob")], 2)


async def test_who_came_and_went_since_the_look_is_in_the_answer() -> None:
    desk = Desk()
    await desk.get(row("ada"), row("bob"))

    desk.views.tell("room", [row("carol"), row("ada", "away")], ["bob"])

    assert await desk.get() == [row("carol"), row("ada", "away")]
    assert len(desk.looks) == 1


async def test_a_status_that_changed_since_the_look_is_in_the_answer() -> None:
    desk = Desk()
    await desk.get(row("ada"), row("bob"))

    changes = [PresenceChange(user="ada", status="busy", last_seen=1), PresenceChange(user="bob", status="offline")]
    desk.views.change("room", changes)

    assert await desk.get() == [row("ada", "busy")]


async def test_what_happens_during_a_look_is_in_its_answer() -> None:
    desk = Desk()
    waiting = asyncio.ensure_future(desk.views.get("room"))
    await asyncio.sleep(0)

    desk.views.tell("room", [row("carol")], ["ada"])
    desk.looks[0].set_result([row("ada")])

    assert await waiting == [row("carol")]


async def test_what_is_known_needs_no_look_as_long_as_it_is_fresh() -> None:
    desk = Desk()
    desk.views.put("room", [row("ada")])
    desk.views.tell("room", [row("bob")], [])

    assert desk.views.has("room")
    assert await desk.get() == [row("ada"), row("bob")]
    assert desk.looks == []

    desk.now += VIEW_SECONDS + 0.1
    assert not desk.views.has("room")


async def test_a_look_is_told_whom_it_is_about() -> None:
    desk = Desk()
    waiting = asyncio.ensure_future(desk.views.get("room", ["ada", "bob"]))
    await asyncio.sleep(0)
    assert desk.asked == [["ada", "bob"]]

    desk.looks[0].set_result([row("ada"), row("bob")])
    assert await waiting == [row("ada"), row("bob")]


async def test_a_failed_look_is_not_kept() -> None:
    desk = Desk()
    waiting = asyncio.ensure_future(desk.views.get("room"))
    await asyncio.sleep(0)
    desk.views.tell("room", [row("carol")], [])
    desk.looks[0].set_exception(RoomcastError(Code.UNAVAILABLE))
    with pytest.raises(RoomcastError):
        await waiting

    assert await desk.get(row("ada")) == [row("ada")]


async def test_a_room_nobody_asked_about_keeps_nothing() -> None:
    desk = Desk()

    desk.views.tell("room", [row("carol")], [])
    desk.views.drop("room")

    assert await desk.get(row("ada")) == [row("ada")]


async def test_an_answer_has_at_most_a_hundred_rows() -> None:
    desk = Desk()
    await desk.get(*(row(f"u{n}") for n in range(100)))

    desk.views.tell("room", [row("carol")], [])

    assert len(await desk.get()) == 100
