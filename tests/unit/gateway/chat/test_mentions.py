"""Only users who read the room can be mentioned."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

import pytest

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.inbox import Line
from roomcast.gateway.chat.mentions import MAX_WAITING, Mentions
from tests.unit.gateway.fakes import line_of

ROOM = "team"


class Readers:
    """Inbox lines in which `bob` is a stored member. `cy` is no member, but the room is on the list of `cy`."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def read_lines(self, rooms: Mapping[str, Sequence[str]], *, with_last: bool) -> list[Line]:
        assert not with_last
        return [line_of(ROOM, user, role="member" if user == "bob" else "") for user in rooms[ROOM]]

    async def find_listed(self, pairs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        self.asked += sorted(pairs)
        return {("cy", ROOM)} & set(pairs)


async def test_members_and_people_with_the_room_on_the_list_can_be_mentioned() -> None:
    readers = Readers()
    mentions = Mentions(readers)
    assert await mentions.require_readers(ROOM, ["bob", "bob"]) == ["bob"]
    assert readers.asked == []
    assert await mentions.require_readers(ROOM, ["cy", "bob", "cy"]) == ["cy", "bob"]
    assert readers.asked == [("cy", ROOM)]


async def test_a_refusal_names_the_users_who_do_not_read_the_room() -> None:
    with pytest.raises(RoomcastError) as refused:
        await Mentions(Readers()).require_readers(ROOM, ["zoe", "bob", "eve"])
    assert refused.value.code is Code.FORBIDDEN
    assert "eve, zoe" in str(refused.value)


async def test_above_max_waiting_a_message_with_mentions_is_refused() -> None:
    """Too many look-ups would delay Redis: a command that waits longer than a second closes the shared connection."""
    is_open = asyncio.Event()

    class Slow(Readers):
        async def read_lines(self, rooms: Mapping[str, Sequence[str]], *, with_last: bool) -> list[Line]:
            await is_open.wait()
            return await super().read_lines(rooms, with_last=with_last)

    mentions = Mentions(Slow())
    checks = [asyncio.ensure_future(mentions.require_readers(ROOM, ["bob"])) for _ in range(MAX_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(RoomcastError) as refused:
        await mentions.require_readers(ROOM, ["bob"])
    assert refused.value.code is Code.RATE_LIMITED
    is_open.set()
    assert await asyncio.gather(*checks) == [["bob"]] * MAX_WAITING
    assert await mentions.require_readers(ROOM, ["bob"]) == ["bob"]
