"""Memberships, room lists and read marks, with fakes for Redis and for presence."""

from __future__ import annotations

from collections.abc import Collection

import orjson
import pytest

from roomcast.contract.envelope import ControlMessage, Kicked, RoomCreated
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.messages import ReceiptRead
from roomcast.contract.events.rooms import RoomCreate, RoomInvite, RoomList, RoomMembers, RoomRemove
from roomcast.contract.inbox import Line
from roomcast.gateway.chat.ports import AckFields
from roomcast.gateway.chat.room_access import RoomAccess
from roomcast.gateway.chat.rooms import Rooms
from roomcast.gateway.sign_in.session import ChatSession
from tests.unit.gateway.fakes import (
    FakeDirectory,
    FakeEmitter,
    FakeOccupancy,
    FakeVisibility,
    FakeVoice,
    line_of,
    no_user_is_banned,
    refusal,
    session_of,
    unavailable,
)

ROOM = "team:red"


class Records:
    """Stored rooms and lists in memory. If `fails` is set, a change of a list raises UNAVAILABLE."""

    def __init__(self) -> None:
        self.roles: dict[tuple[str, str], str] = {}
        self.used: set[str] = set()
        self.lists: set[tuple[str, str]] = set()
        self.rows: list[Line] = []
        self.removed: set[tuple[str, str]] = set()
        self.mark: int | None = 7
        self.creations = 0
        self.allowed = 200
        self.fails = False

    async def create_room(self, room: str, owner: str, kind: str, name: str, *, is_new: bool = True) -> bool:
        if any(key[0] == room for key in self.roles) or (is_new and room in self.used):
            raise RoomcastError(Code.CONFLICT)
        self.roles[room, owner] = "owner"
        return room not in self.used

    async def take_creation(self, user: str) -> None:
        self.creations += 1
        if self.creations > self.allowed:
            raise RoomcastError(Code.RATE_LIMITED)

    async def read_role(self, room: str, user: str) -> str | None:
        return self.roles.get((room, user))

    async def set_role(self, room: str, user: str, role: str, *, by: str) -> None:
        self.roles[room, user] = role

    async def remove_member(self, room: str, user: str, *, by: str) -> int:
        if self.roles.get((room, user)) == "owner":
            raise RoomcastError(Code.FORBIDDEN)
        if (room, user) in self.removed:
            return 7
        if self.roles.pop((room, user), None) is None:
            raise RoomcastError(Code.NOT_FOUND)
        self.removed.add((room, user))
        return 0

    async def is_known(self, user: str) -> bool:
        return user != "unknown"

    async def read_name(self, room: str) -> str:
        return "The red team"

    async def add_to_list(self, user: str, room: str, name: str = "", *, by_other: bool = False) -> None:
        if self.fails:
            raise unavailable()
        self.lists.add((user, room))

    async def remove_from_list(self, user: str, room: str) -> None:
        self.lists.discard((user, room))

    async def page_list(self, user: str, after: str | None, limit: int) -> tuple[list[Line], bool]:
        return self.rows[:limit], len(self.rows) > limit

    async def move_read_mark(self, room: str, user: str, seq: int) -> int | None:
        return self.mark


class Control:
    """Collects control messages. If `fails` is set, publishing raises UNAVAILABLE, as while Redis is away."""

    def __init__(self) -> None:
        self.published: list[ControlMessage] = []
        self.fails = False

    async def publish_control(self, message: ControlMessage) -> None:
        if self.fails:
            raise unavailable()
        self.published.append(message)


async def _list_stored(session: ChatSession, p: RoomMembers) -> AckFields:
    return {"stored": p.room, "members": []}


class Rig:
    """`ada` may create rooms `team:*` and owns ROOM. `bob` is a member of ROOM."""

    def __init__(self) -> None:
        self.records, self.control, self.emitter = Records(), Control(), FakeEmitter()
        self.directory, self.voice = FakeDirectory(), FakeVoice()
        self.rooms = Rooms(
            self.records,
            RoomAccess(self.records, no_user_is_banned),
            self.emitter,
            FakeOccupancy(),
            FakeVisibility("ghost"),
            self.control,
            self._hidden_from,
            _list_stored,
            self.directory,
            self.records,
            self.voice,
        )
        self.blocking: set[str] = set()
        self.ada = session_of("ada", create=("team:*",))
        self.bob = session_of("bob")
        self.records.roles = {(ROOM, "ada"): "owner", (ROOM, "bob"): "member"}

    async def _hidden_from(self, user: str, others: Collection[str]) -> set[str]:
        return self.blocking.intersection(others)


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_the_creator_owns_a_new_room(rig: Rig) -> None:
    answer = await rig.rooms.create_room(rig.ada, RoomCreate("team:blue", "private", "Blue\u202e "))

    assert answer == {"room": "team:blue", "kind": "private", "name": "Blue", "role": "owner"}
    assert rig.records.roles["team:blue", "ada"] == "owner"
    assert ("ada", "team:blue") in rig.records.lists
    assert rig.control.published == [RoomCreated("team:blue")], (
        "gateways recheck their sessions, because members of an earlier room with this id may still be in the room"
    )


async def test_only_operators_create_a_room_under_a_used_id(rig: Rig) -> None:
    rig.records.used.add("team:blue")
    ops = session_of("ops", ops=True)

    assert await refusal(rig.rooms.create_room(rig.ada, RoomCreate("team:blue", "private"))) is Code.CONFLICT
    assert await refusal(rig.rooms.create_room(rig.bob, RoomCreate("team:blue", "private"))) is Code.FORBIDDEN
    assert await refusal(rig.rooms.create_room(ops, RoomCreate(ROOM, "private"))) is Code.CONFLICT
    assert (await rig.rooms.create_room(ops, RoomCreate("team:blue", "private")))["role"] == "owner"
    assert rig.control.published == []


async def test_a_blocked_user_cannot_invite_the_blocking_user(rig: Rig) -> None:
    rig.blocking.add("eve")
    assert await refusal(rig.rooms.invite_user(rig.ada, RoomInvite(ROOM, "eve"))) is Code.FORBIDDEN
    await rig.rooms.invite_user(session_of("ops", ops=True), RoomInvite(ROOM, "eve"))
    assert rig.records.roles[ROOM, "eve"] == "member"


async def test_a_user_whose_daily_allowance_is_spent_cannot_invite(rig: Rig) -> None:
    rig.ada.allowance.is_spent = True
    assert await refusal(rig.rooms.invite_user(rig.ada, RoomInvite(ROOM, "eve", "member"))) is Code.RATE_LIMITED
    assert (ROOM, "eve") not in rig.records.roles


async def test_the_list_leaves_out_rooms_that_the_user_may_no_longer_enter(rig: Rig) -> None:
    rig.records.rows = [
        line_of("public:a", is_gone=True),
        line_of("team:a", role="member"),
        line_of("team:b"),
        line_of("x", is_gone=True),
    ]
    rig.records.lists = {("bob", line.room) for line in rig.records.rows}

    listed = (await rig.rooms.list_rooms(rig.bob, RoomList()))["rooms"]
    assert [row["room"] for row in listed] == ["public:a", "team:a"]
    assert rig.records.lists == {("bob", "public:a"), ("bob", "team:a"), ("bob", "team:b")}
    with_pattern = session_of("bob", rooms=("team:*",))
    listed = (await rig.rooms.list_rooms(with_pattern, RoomList()))["rooms"]
    assert [row["room"] for row in listed] == ["public:a", "team:a", "team:b"]


async def test_an_invitation_is_stored_and_sent_to_the_invited_user(rig: Rig) -> None:
    await rig.rooms.invite_user(rig.ada, RoomInvite(ROOM, "eve", "admin"))

    assert rig.records.roles[ROOM, "eve"] == "admin"
    invited = {"room": ROOM, "change": "invited", "name": "The red team", "role": "admin", "by": "ada"}
    assert rig.emitter.sent == [("eve", "room", invited)]
    assert await refusal(rig.rooms.invite_user(rig.bob, RoomInvite(ROOM, "eve"))) is Code.FORBIDDEN


async def test_which_roles_may_remove_which_users(rig: Rig) -> None:
    assert await refusal(rig.rooms.remove_user(rig.bob, RoomRemove(ROOM, "ada"))) is Code.FORBIDDEN
    assert await refusal(rig.rooms.remove_user(rig.ada, RoomRemove(ROOM, "ada"))) is Code.FORBIDDEN
    assert await refusal(rig.rooms.remove_user(rig.ada, RoomRemove(ROOM, "eve"))) is Code.NOT_FOUND
    await rig.rooms.remove_user(rig.bob, RoomRemove(ROOM, "bob"))

    assert rig.control.published == [Kicked(ROOM, "bob")]
    assert (ROOM, "bob") not in rig.records.roles


async def test_a_repeated_removal_publishes_the_message_that_failed_at_first(rig: Rig) -> None:
    rig.control.fails = True
    assert await refusal(rig.rooms.remove_user(rig.ada, RoomRemove(ROOM, "bob"))) is Code.UNAVAILABLE
    rig.control.fails = False

    assert await refusal(rig.rooms.remove_user(rig.ada, RoomRemove(ROOM, "bob"))) is Code.NOT_FOUND
    assert rig.control.published == [Kicked(ROOM, "bob", before=7)]


async def test_the_list_has_unread_counts_and_last_messages(rig: Rig) -> None:
    rig.records.rows = [
        line_of("a", unread=3, entry=b'{"seq":8}', role="member"),
        line_of("b", unread=2, entry=b'{"seq":5}', role="member", is_banned=True),
    ]
    answer = orjson.loads(orjson.dumps(await rig.rooms.list_rooms(rig.ada, RoomList(limit=1))))

    assert answer["rooms"] == [{"room": "a", "name": "A", "seq": 9, "unread": 3, "last": {"seq": 8}}]
    assert (answer["more"], answer["after"]) == (True, "a")

    whole = await rig.rooms.list_rooms(rig.ada, RoomList())
    assert whole["after"] is None
    assert whole["rooms"][1] == {"room": "b", "name": "B", "seq": 0, "unread": 0, "last": None}


async def test_a_read_receipt_is_sent_if_the_mark_moved_and_the_reader_is_visible(rig: Rig) -> None:
    ghost = session_of("ghost")
    rig.records.roles[ROOM, "ghost"] = "member"
    await rig.rooms.mark_read(ghost, ReceiptRead(ROOM, 7))
    await rig.rooms.mark_read(rig.bob, ReceiptRead(ROOM, 7))
    rig.records.mark = None
    await rig.rooms.mark_read(rig.bob, ReceiptRead(ROOM, 0))

    assert rig.emitter.sent == [(ROOM, "receipt", {"room": ROOM, "user": "bob", "seq": 7})]
    assert rig.emitter.lines == [("ghost", ROOM), ("bob", ROOM)]
    assert await refusal(rig.rooms.mark_read(session_of("eve"), ReceiptRead(ROOM, 7))) is Code.FORBIDDEN


async def test_the_read_mark_of_a_muted_user_moves_without_a_receipt(rig: Rig) -> None:
    rig.voice.muted.add("bob")
    await rig.rooms.mark_read(rig.bob, ReceiptRead(ROOM, 7))
    assert (rig.emitter.sent, rig.emitter.lines) == ([], [("bob", ROOM)])

    rig.records.roles[ROOM, "ops"] = "member"
    rig.voice.muted.add("ops")  # mutes do not concern operators
    await rig.rooms.mark_read(session_of("ops", ops=True), ReceiptRead(ROOM, 7))
    assert [data["user"] for _, _, data in rig.emitter.sent] == ["ops"]


async def test_a_block_stops_read_receipts_in_the_direct_room_except_those_of_operators(rig: Rig) -> None:
    room = "dm:ada:bob"
    rig.voice.blocked.add("bob")
    for session in (rig.bob, session_of("bob", ops=True)):
        await rig.rooms.mark_read(session, ReceiptRead(room, 7))
    assert [(to, data["user"]) for to, _, data in rig.emitter.sent] == [(room, "bob")]


async def test_only_users_who_may_enter_a_room_list_its_members(rig: Rig) -> None:
    assert (await rig.rooms.list_members(rig.bob, RoomMembers(ROOM)))["more"] is False
    assert await refusal(rig.rooms.list_members(session_of("eve"), RoomMembers(ROOM))) is Code.FORBIDDEN


async def test_a_direct_room_is_announced_once_per_session(rig: Rig) -> None:
    for room in ("dm:ada:bob", "dm:ada:bob", "dm:ada:ada", ROOM):
        await rig.rooms.announce_direct_room(rig.ada, room)

    event = {"room": "dm:ada:bob", "change": "direct", "name": "Ada", "by": "ada"}
    assert rig.emitter.sent == [("bob", "room", event)]
    await rig.rooms.announce_direct_room(session_of("ada", sid="second"), "dm:ada:bob")
    assert rig.emitter.sent == [("bob", "room", event)] * 2
    assert rig.records.lists == {("bob", "dm:ada:bob")}


async def test_a_direct_room_whose_announcement_failed_is_announced_by_the_next_message(rig: Rig) -> None:
    rig.records.fails = True
    assert await refusal(rig.rooms.announce_direct_room(rig.ada, "dm:ada:bob")) is Code.UNAVAILABLE
    rig.records.fails = False
    await rig.rooms.announce_direct_room(rig.ada, "dm:ada:bob")
    assert [(to, data["change"]) for to, _, data in rig.emitter.sent] == [("bob", "direct")]
    assert rig.records.lists == {("bob", "dm:ada:bob")}


async def test_a_new_public_room_is_added_to_the_directory(rig: Rig) -> None:
    await rig.rooms.create_room(rig.ada, RoomCreate("team:blue", "public", "Blue"))
    assert rig.directory.changes == [("team:blue", "public", None, "Blue")]


async def test_a_request_for_stored_members_goes_to_room_admin(rig: Rig) -> None:
    assert await rig.rooms.list_members(rig.ada, RoomMembers(ROOM, stored=True)) == {
        "stored": ROOM,
        "members": [],
    }


async def test_an_unknown_user_cannot_be_invited(rig: Rig) -> None:
    assert await refusal(rig.rooms.invite_user(rig.ada, RoomInvite(ROOM, "unknown"))) is Code.NOT_FOUND
    assert (ROOM, "unknown") not in rig.records.roles
    assert await refusal(rig.rooms.invite_user(rig.bob, RoomInvite(ROOM, "unknown"))) is Code.FORBIDDEN
