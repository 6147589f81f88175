"""The member cache: the joins of a room within a second share one read. Later changes are applied to its rows."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import pytest

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.presence import PresenceChange
from roomcast.gateway.presence.member_cache import CACHE_SECONDS, MemberCache, Row


def row(user: str, status: str = "online") -> Row:
    return {"user": user, "name": user.title(), "status": status}


class Reader:
    """A member cache. The test sets the results of its reads and advances its clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.reads: list[asyncio.Future[list[Row]]] = []
        self.requested: list[Collection[str]] = []
        self.cache = MemberCache(self._read, self._start, lambda: self.now)

    async def _read(self, room: str, users: Collection[str]) -> list[Row]:
        self.requested.append(users)
        self.reads.append(asyncio.get_running_loop().create_future())
        return await self.reads[-1]

    @staticmethod
    def _start(work: Any, name: str) -> asyncio.Task[list[Row]]:
        return asyncio.get_running_loop().create_task(work, name=name)

    async def get(self, *found: Row) -> list[Row]:
        """Return the cached members. If the cache reads them now, the read finds the rows `found`."""
        count = len(self.reads)
        waiting = asyncio.ensure_future(self.cache.get_members("room"))
        await asyncio.sleep(0)
        if len(self.reads) > count:
            self.reads[-1].set_result(list(found))
        return await waiting


async def test_callers_within_a_second_share_one_read() -> None:
    reader = Reader()

    answers = []
    for _ in range(3):
        answers.append(await reader.get(row("ada")))
        reader.now += CACHE_SECONDS / 4
    reader.now += CACHE_SECONDS
    later = await reader.get(row("bob"))

    assert answers == [[row("ada")]] * 3
    assert (later, len(reader.reads)) == ([row("bob")], 2)


async def test_users_who_entered_or_left_since_the_read_are_added_or_removed() -> None:
    reader = Reader()
    await reader.get(row("ada"), row("bob"))

    reader.cache.apply_diff("room", [row("carol"), row("ada", "away")], ["bob"])

    assert await reader.get() == [row("carol"), row("ada", "away")]
    assert len(reader.reads) == 1


async def test_statuses_that_changed_since_the_read_are_applied() -> None:
    reader = Reader()
    await reader.get(row("ada"), row("bob"))

    changes = [PresenceChange(user="ada", status="busy", last_seen=1), PresenceChange(user="bob", status="offline")]
    reader.cache.apply_statuses("room", changes)

    assert await reader.get() == [row("ada", "busy")]


async def test_changes_during_a_read_are_applied_to_its_rows() -> None:
    reader = Reader()
    waiting = asyncio.ensure_future(reader.cache.get_members("room"))
    await asyncio.sleep(0)

    reader.cache.apply_diff("room", [row("carol")], ["ada"])
    reader.reads[0].set_result([row("ada")])

    assert await waiting == [row("carol")]


async def test_rows_that_were_set_are_returned_without_a_read() -> None:
    reader = Reader()
    reader.cache.set_members("room", [row("ada")])
    reader.cache.apply_diff("room", [row("bob")], [])

    assert reader.cache.is_cached("room")
    assert await reader.get() == [row("ada"), row("bob")]
    assert reader.reads == []

    reader.now += CACHE_SECONDS + 0.1
    assert not reader.cache.is_cached("room")


async def test_the_users_of_the_caller_are_passed_to_the_read() -> None:
    reader = Reader()
    waiting = asyncio.ensure_future(reader.cache.get_members("room", ["ada", "bob"]))
    await asyncio.sleep(0)
    assert reader.requested == [["ada", "bob"]]

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


async def test_a_room_that_was_not_requested_is_not_cached() -> None:
    reader = Reader()

    reader.cache.apply_diff("room", [row("carol")], [])
    reader.cache.forget_room("room")

    assert await reader.get(row("ada")) == [row("ada")]


async def test_at_most_a_hundred_rows_are_returned() -> None:
    reader = Reader()
    await reader.get(*(row(f"u{n}") for n in range(100)))

    reader.cache.apply_diff("room", [row("carol")], [])

    assert len(await reader.get()) == 100
