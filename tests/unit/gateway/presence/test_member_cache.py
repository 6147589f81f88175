"""The member cache: all joins of a room within a second share one read, and later changes are applied to it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import pytest

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events import PresenceChange
from roomcast.gateway.presence.member_cache import CACHE_SECONDS, MemberCache, Row


def row(user: str, status: str = "online") -> Row:
    return {"user": user, "name": user.title(), "status": status}


class Reader:
    """A cache whose reads the test answers, and whose clock the test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.reads: list[asyncio.Future[list[Row]]] = []
        self.asked: list[Collection[str]] = []
        self.cache = MemberCache(self._read, self._start, lambda: self.now)

    async def _read(self, room: str, users: Collection[str]) -> list[Row]:
        self.asked.append(users)
        self.reads.append(asyncio.get_running_loop().create_future())
        return await self.reads[-1]

    @staticmethod
    def _start(work: Any, name: str) -> asyncio.Task[list[Row]]:
        return asyncio.get_running_loop().create_task(work, name=name)

    async def get(self, *found: Row) -> list[Row]:
        """Return the cache's next answer; a read, if there is one, finds these rows."""
        count = len(self.reads)
        waiting = asyncio.ensure_future(self.cache.get_members("room"))
        await asyncio.sleep(0)
        if len(self.reads) > count:
            self.reads[-1].set_result(list(found))
        return await waiting


async def test_callers_within_a_second_share_one_read() -> None:
    reader = Reader()

    answers = [await reader.get(row("ada")) for _ in range(3)]
    reader.now += CACHE_SECONDS + 0.1
    later = await reader.get(row("bob"))

    assert answers == [[row("ada")]] * 3
    assert (later, len(reader.reads)) == ([row("bob")], 2)


async def test_an_answer_has_the_users_who_entered_since_the_read_and_not_those_who_left() -> None:
    reader = Reader()
    await reader.get(row("ada"), row("bob"))

    reader.cache.apply_diff("room", [row("carol"), row("ada", "away")], ["bob"])

    assert await reader.get() == [row("carol"), row("ada", "away")]
    assert len(reader.reads) == 1


async def test_an_answer_has_statuses_that_changed_since_the_read() -> None:
    reader = Reader()
    await reader.get(row("ada"), row("bob"))

    changes = [PresenceChange(user="ada", status="busy", last_seen=1), PresenceChange(user="bob", status="offline")]
    reader.cache.apply_statuses("room", changes)

    assert await reader.get() == [row("ada", "busy")]


async def test_changes_during_a_read_are_in_its_answer() -> None:
    reader = Reader()
    waiting = asyncio.ensure_future(reader.cache.get_members("room"))
    await asyncio.sleep(0)

    reader.cache.apply_diff("room", [row("carol")], ["ada"])
    reader.reads[0].set_result([row("ada")])

    assert await waiting == [row("carol")]


async def test_a_fresh_copy_needs_no_read() -> None:
    reader = Reader()
    reader.cache.set_members("room", [row("ada")])
    reader.cache.apply_diff("room", [row("bob")], [])

    assert reader.cache.is_cached("room")
    assert await reader.get() == [row("ada"), row("bob")]
    assert reader.reads == []

    reader.now += CACHE_SECONDS + 0.1
    assert not reader.cache.is_cached("room")


async def test_a_read_gets_the_users_that_it_must_include() -> None:
    reader = Reader()
    waiting = asyncio.ensure_future(reader.cache.get_members("room", ["ada", "bob"]))
    await asyncio.sleep(0)
    assert reader.asked == [["ada", "bob"]]

    reader.reads[0].set_result([row("ada"), row("bob")])
    assert await waiting == [row("ada"), row("bob")]


async def test_a_failed_read_is_not_cached() -> None:
    reader = Reader()
    waiting = asyncio.ensure_future(reader.cache.get_members("room"))
    await asyncio.sleep(0)
    reader.cache.apply_diff("room", [row("carol")], [])
    reader.reads[0].set_exception(RoomcastError(Code.UNAVAILABLE))
    with pytest.raises(RoomcastError):
        await waiting

    assert await reader.get(row("ada")) == [row("ada")]


async def test_a_room_without_a_question_has_no_copy() -> None:
    reader = Reader()

    reader.cache.apply_diff("room", [row("carol")], [])
    reader.cache.forget_room("room")

    assert await reader.get(row("ada")) == [row("ada")]


async def test_an_answer_has_at_most_a_hundred_rows() -> None:
    reader = Reader()
    await reader.get(*(row(f"u{n}") for n in range(100)))

    reader.cache.apply_diff("room", [row("carol")], [])

    assert len(await reader.get()) == 100
