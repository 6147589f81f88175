"""Stored rooms: description, members, owner and closing, with fakes for Redis and for presence."""

from __future__ import annotations

from collections.abc import Collection, Coroutine
from typing import Any

import pytest

from roomcast.contract.envelope import ControlMessage, Kicked, RoomChanged, Sanctioned
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.rooms import (
    RoomClose,
    RoomDirectory,
    RoomInfo,
    RoomMembers,
    RoomQuit,
    RoomTransfer,
    RoomUpdate,
)
from roomcast.contract.room_info import RoomDescription
from roomcast.gateway.chat.room_access import RoomAccess
from roomcast.gateway.chat.room_admin import RoomAdmin, RoomChanges
from roomcast.gateway.stores.directory import ListedRoom
from tests.unit.gateway.fakes import FakeDirectory, no_user_is_banned, refusal, session_of

ROOM = "team:red"


class Records:
    """One stored room in memory."""

    def __init__(self) -> None:
        self.roles: dict[str, str] = {"ada": "owner", "bob": "admin", "cleo": "member"}
        self.room = RoomDescription(ROOM, "private", "Red", "", "ada", {})
        self.cleared: list[str] = []
        self.kicked: list[str] = []
        self.unlisted: list[str] = []
        self.listed = {("eve", "public:lobby")}

    async def read_role(self, room: str, user: str) -> str | None:
        return self.roles.get(user) if room == ROOM else None

    async def describe(self, room: str) -> RoomDescription:
        if room != ROOM:
            raise RoomcastError(Code.NOT_FOUND)
        return self.room

    async def update(
        self, room: str, name: str | None, topic: str | None, data: dict[str, Any] | None, *, by: str
    ) -> None:
        changes: dict[str, Any] = {"name": name, "topic": topic, "data": data}
        self.room = self.room._replace(**{key: value for key, value in changes.items() if value is not None})

    async def transfer(self, room: str, user: str, by: str) -> None:
        if by not in ("", self.room.owner):
            raise RoomcastError(Code.FORBIDDEN)
        self.room = self.room._replace(owner=user)

    async def close(self, room: str, by: str) -> list[str]:
        if by not in ("", self.room.owner):
            raise RoomcastError(Code.FORBIDDEN)
        return sorted(self.roles)

    async def clear_lists(self, room: str, users: list[str]) -> None:
        self.cleared += users

    async def record_kick(self, room: str, user: str) -> None:
        self.kicked.append(user)

    async def page_members(self, room: str, after: str | None, limit: int) -> tuple[list[tuple[str, str]], str | None]:
        return sorted(self.roles.items())[:limit], "cleo" if limit < len(self.roles) else None

    async def remove_member(self, room: str, user: str, *, by: str) -> int:
        if self.roles[user] == "owner":
            raise RoomcastError(Code.FORBIDDEN)
        del self.roles[user]
        return 0

    async def remove_from_list(self, user: str, room: str) -> None:
        self.unlisted.append(user)

    async def find_listed(self, pairs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        return self.listed.intersection(pairs)


class Rig:
    """A room with Ada as the owner, Bob as an admin and Cleo as a member. `oz` is an operator."""

    def __init__(self) -> None:
        self.records = Records()
        self.published: list[ControlMessage] = []
        self.tasks: list[Coroutine[Any, Any, None]] = []
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.directory = FakeDirectory()
        access = RoomAccess(self.records, no_user_is_banned)
        self.admin = RoomAdmin(
            self.records, self.records, self.records, access, self, self.directory, self, self._start
        )
        self.ada, self.bob, self.cleo = (session_of(user, ROOM) for user in ("ada", "bob", "cleo"))
        self.eve, self.oz = session_of("eve"), session_of("oz", ops=True)
        self.changes = RoomChanges(self.records, lambda room: [self.ada] if room == ROOM else [], self, self._start)

    async def describe_users(self, users: list[str]) -> list[dict[str, Any]]:
        return [{"user": user, "name": user.title(), "status": "offline"} for user in users]

    async def publish_control(self, message: ControlMessage) -> None:
        self.published.append(message)

    def to_local_room(self, room: str, event: str, data: dict[str, Any]) -> None:
        self.sent.append((room, data))

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self.tasks.append(work)

    async def run_tasks(self) -> None:
        while self.tasks:
            await self.tasks.pop(0)


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_a_member_reads_the_description_and_the_own_role(rig: Rig) -> None:
    answer = await rig.admin.read_info(rig.cleo, RoomInfo(ROOM))
    assert answer == {
        **{"room": ROOM, "kind": "private", "name": "Red", "topic": "", "data": {}},
        **{"owner": "ada", "role": "member"},
    }
    assert await refusal(rig.admin.read_info(rig.eve, RoomInfo(ROOM))) is Code.FORBIDDEN


async def test_stored_members_are_listed_with_their_roles_also_while_they_are_offline(rig: Rig) -> None:
    answer = await rig.admin.list_members(rig.cleo, RoomMembers(ROOM, stored=True, limit=2))
    assert [(row["user"], row["role"], row["status"]) for row in answer["members"]] == [
        ("ada", "owner", "offline"),
        ("bob", "admin", "offline"),
    ]
    assert (answer["more"], answer["after"]) == (True, "cleo")


async def test_moderators_change_the_description_and_the_change_is_published(rig: Rig) -> None:
    answer = await rig.admin.update(rig.bob, RoomUpdate(ROOM, topic="Plans", data={"color": 1}))
    assert answer == {"room": ROOM, "name": "Red", "topic": "Plans", "data": {"color": 1}}
    assert rig.published == [RoomChanged(ROOM, "bob")]
    assert await refusal(rig.admin.update(rig.cleo, RoomUpdate(ROOM, name="Mine"))) is Code.FORBIDDEN
    assert rig.directory.changes == []
    assert await rig.admin.update(rig.oz, RoomUpdate(ROOM, name="Blue"))
    assert rig.directory.changes == [(ROOM, "private", "Red", "Blue")]


async def test_only_the_owner_or_an_operator_transfers_a_room(rig: Rig) -> None:
    assert await refusal(rig.admin.transfer(rig.bob, RoomTransfer(ROOM, "bob"))) is Code.FORBIDDEN
    assert await refusal(rig.admin.transfer(rig.cleo, RoomTransfer(ROOM, "cleo"))) is Code.FORBIDDEN
    assert await rig.admin.transfer(rig.ada, RoomTransfer(ROOM, "cleo")) == {"room": ROOM, "owner": "cleo"}
    assert rig.published == [RoomChanged(ROOM, "ada", "cleo")]
    await rig.admin.transfer(rig.oz, RoomTransfer(ROOM, "bob"))
    assert rig.records.room.owner == "bob"


async def test_the_owner_closes_a_room_but_admins_cannot(rig: Rig) -> None:
    assert await refusal(rig.admin.close(rig.bob, RoomClose(ROOM))) is Code.FORBIDDEN
    await rig.admin.close(rig.ada, RoomClose(ROOM))
    assert rig.published == [Kicked(ROOM, closed=True), Sanctioned(ROOM)]
    assert rig.directory.changes == [(ROOM, "private", "Red", None)]
    await rig.run_tasks()
    assert rig.records.cleared == ["ada", "bob", "cleo"]
    assert await refusal(rig.admin.close(rig.oz, RoomClose("dm:ada:bob"))) is Code.FORBIDDEN


async def test_quitting_ends_the_membership_and_removes_all_devices_from_the_room(rig: Rig) -> None:
    await rig.admin.quit(rig.cleo, RoomQuit(ROOM))
    assert "cleo" not in rig.records.roles
    assert rig.records.unlisted == ["cleo"]
    assert rig.published == [Kicked(ROOM, "cleo")]
    assert await refusal(rig.admin.quit(rig.ada, RoomQuit(ROOM))) is Code.FORBIDDEN
    assert rig.records.unlisted == ["cleo"]


async def test_quitting_a_public_room_removes_it_from_the_list(rig: Rig) -> None:
    await rig.admin.quit(rig.eve, RoomQuit("public:lobby"))
    assert (rig.records.unlisted, rig.records.kicked) == (["eve"], ["eve"])
    assert rig.published == [Kicked("public:lobby", "eve")]


async def test_quitting_a_room_that_is_not_on_the_list_has_no_effect(rig: Rig) -> None:
    assert await rig.admin.quit(rig.eve, RoomQuit("public:other")) == {"room": "public:other"}
    assert (rig.records.unlisted, rig.records.kicked, rig.published) == ([], [], [])


async def test_local_members_get_the_changed_description_or_role(rig: Rig) -> None:
    rig.changes.receive(RoomChanged(ROOM, "bob"))
    rig.changes.receive(RoomChanged(ROOM, user="cleo"))
    rig.changes.receive(RoomChanged("team:elsewhere"))
    await rig.run_tasks()
    assert rig.sent == [
        (ROOM, {"room": ROOM, "change": "updated", "name": "Red", "topic": "", "data": {}, "by": "bob"}),
        (ROOM, {"room": ROOM, "change": "role", "user": "cleo", "role": "member"}),
    ]


async def test_the_directory_shows_the_descriptions_of_rooms(rig: Rig) -> None:
    rig.directory.rows = [ListedRoom(rig.records.room, 3)]
    answer = await rig.admin.list_public(rig.eve, RoomDirectory())
    assert answer["rooms"] == [{"room": ROOM, "name": "Red", "topic": "", "data": {}, "occupancy": 3}]
    assert (answer["more"], answer["after"]) == (False, None)
