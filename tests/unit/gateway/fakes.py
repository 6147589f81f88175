"""Small fakes at the ports of the chat's use cases. Each records its calls."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.inbox import Line
from roomcast.engineio.limits.token_bucket import TokenBucket
from roomcast.gateway.chat.ports import RoomSnapshot
from roomcast.gateway.sign_in.event_limit import EventLimit
from roomcast.gateway.sign_in.identity import Identity
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.gateway.stores.directory import ListedRoom
from roomcast.gateway.stores.room_log import History, PublishReceipt, Rewrite, StaleRewriteError

EPOCH = "e1"


def session_of(user: str = "ada", *rooms: str, sid: str = "", **claims: Any) -> ChatSession:
    """Return a signed-in session that is in `rooms`."""
    fields: dict[str, Any] = {"expires": 2e9, "issued": 100, "token_id": "", "rooms": (), "ops": False} | claims
    identity = Identity(user=user, name=user.title(), **fields)
    bucket = TokenBucket(50, 200, 0.0)
    return ChatSession(sid or f"sid-{user}", f"eio-{user}", identity, EventLimit(bucket, bucket), rooms=set(rooms))


async def refusal(work: Awaitable[Any]) -> Code:
    """Return the error code that `work` raises."""
    with pytest.raises(RoomcastError) as caught:
        await work
    return caught.value.code


def unavailable() -> RoomcastError:
    return RoomcastError(Code.UNAVAILABLE)


def line_of(room: str = "team", user: str = "ada", **fields: Any) -> Line:
    """Return a line of an inbox without unread messages; `fields` overrides its fields."""
    defaults: dict[str, Any] = {
        "room": room,
        "user": user,
        "seq": 9,
        "epoch": EPOCH,
        "active": 1_000,
        "last_seq": 8,
        "entry": None,
        "name": room.upper(),
        "is_public": False,
        "is_unsettled": False,
        "is_gone": False,
        "unread": 0,
        "mentions": 0,
        "read": 0,
        "role": "",
        "is_banned": False,
    }
    return Line(**defaults | fields)


class FakeLog:
    """A log of JSON objects in memory. `before_append` runs before each append; it can act as another writer."""

    def __init__(self) -> None:
        self.entries: dict[int, bytes] = {}
        self.receipts: dict[tuple[str, str], PublishReceipt] = {}
        self.queued: list[str] = []
        """The ids in the order in which `append` was called."""
        self.before_append: Callable[[], None] = lambda: None
        self.epoch = EPOCH
        self.first = 1

    @property
    def seq(self) -> int:
        return max(self.entries, default=0)

    def put(self, **fields: Any) -> int:
        """Add an entry and return its seq."""
        seq = self.seq + 1
        self.entries[seq] = json.dumps({"room": "team", "seq": seq, **fields}).encode()
        return seq

    def read(self, seq: int) -> dict[str, Any]:
        entry: dict[str, Any] = json.loads(self.entries[seq])
        return entry

    def append(
        self, room: str, user: str, message_id: str, tail: bytes, rewrites: Sequence[Rewrite] = ()
    ) -> Awaitable[PublishReceipt]:
        self.queued.append(message_id)
        return self._append(user, message_id, tail, rewrites)

    async def _append(self, user: str, message_id: str, tail: bytes, rewrites: Sequence[Rewrite]) -> PublishReceipt:
        await asyncio.sleep(0)
        self.before_append()
        if any(self.entries.get(rewrite.seq) != rewrite.expected for rewrite in rewrites):
            raise StaleRewriteError
        seq = self.put(**json.loads(b"{" + tail))
        for rewrite in rewrites:
            text = rewrite.before if not rewrite.after else rewrite.before + b"%d" % seq + rewrite.after
            self.entries[rewrite.seq] = text
        receipt = self.receipts[user, message_id] = PublishReceipt(seq, 7, self.epoch, duplicate=False)
        return receipt

    async def find_receipt(self, room: str, user: str, message_id: str) -> PublishReceipt | None:
        return self.receipts.get((user, message_id))

    async def read_entry(self, room: str, seq: int) -> bytes | None:
        return self.entries.get(seq)

    async def read_after(self, room: str, seq: int, limit: int) -> History:
        await asyncio.sleep(0)
        return self._page(range(max(seq + 1, self.first), self.seq + 1)[:limit])

    async def read_before(self, room: str, seq: int, limit: int) -> History:
        await asyncio.sleep(0)
        last = seq - 1 if seq else self.seq
        return self._page(range(max(self.first, last - limit + 1), last + 1))

    def _page(self, seqs: Sequence[int]) -> History:
        return History(self.seq, self.epoch, self.first, 1_000, [self.entries[seq] for seq in seqs])

    def message_packet(self, entry: bytes) -> bytes:
        return b"message " + entry

    def resync_packet(self, room: str) -> bytes:
        return f"resync {room}".encode()


class FakeAccess:
    """Admits the `(user, room)` pairs in `open_to`. The users in `moderators` moderate every room."""

    def __init__(self, *open_to: tuple[str, str], moderators: Sequence[str] = ()) -> None:
        self.open_to = set(open_to)
        self.moderators = moderators

    async def require_entry(self, session: ChatSession, room: str) -> None:
        if room not in session.rooms:
            await self.require_entry_now(session, room)

    async def require_entry_now(self, session: ChatSession, room: str) -> None:
        if not await self.may_enter(session, room):
            raise RoomcastError(Code.FORBIDDEN)

    async def may_enter(self, session: ChatSession, room: str) -> bool:
        await asyncio.sleep(0)
        return (session.user, room) in self.open_to

    async def is_moderator(self, session: ChatSession, room: str) -> bool:
        return session.user in self.moderators


class FakeEmitter:
    """Collects events as `(to, event, data)`."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, dict[str, Any]]] = []
        self.lines: list[tuple[str, str]] = []
        """`(user, room)` of each inbox line that was reported as changed."""

    async def to_room(self, room: str, event: str, data: dict[str, Any], skip: str | None = None) -> None:
        self.sent.append((room, event, data))

    async def to_user(self, user: str, event: str, data: dict[str, Any]) -> None:
        self.sent.append((user, event, data))

    async def line_changed(self, user: str, room: str) -> None:
        self.lines.append((user, room))

    def to_sessions(self, sids: list[str], event: str, data: dict[str, Any]) -> None:
        self.sent += [(sid, event, data) for sid in sids]


class FakeDirectory:
    """Collects changes of the directory. `rows` is its only page."""

    def __init__(self) -> None:
        self.changes: list[tuple[str, str, str | None, str | None]] = []
        self.rows: list[ListedRoom] = []

    async def change(self, room: str, kind: str, old: str | None, new: str | None) -> None:
        self.changes.append((room, kind, old, new))

    async def page(self, query: str, after: str | None, limit: int) -> tuple[list[ListedRoom], str | None]:
        return self.rows, None


class FakeOccupancy:
    """The occupants of rooms. If `fails` is set, leaving a room raises UNAVAILABLE, as while Redis is away."""

    def __init__(self) -> None:
        self.rooms: Counter[tuple[str, str]] = Counter()
        self.fails = False
        self.count = 1

    def enter_room(self, session: ChatSession, room: str) -> Awaitable[RoomSnapshot]:
        self.rooms[session.sid, room] = 1
        return self._snapshot(session)

    async def _snapshot(self, session: ChatSession) -> RoomSnapshot:
        await asyncio.sleep(0)
        return RoomSnapshot(self.count, [{"user": session.user, "name": session.identity.name, "status": "online"}], {})

    async def leave_room(self, session: ChatSession, room: str) -> None:
        self.rooms[session.sid, room] = 0
        if self.fails:
            raise unavailable()

    async def page_members(self, room: str, after: str | None, limit: int) -> tuple[list[dict[str, Any]], str | None]:
        return [{"user": "ada", "name": "Ada", "status": "online"}], None

    def sessions_in(self, room: str) -> list[ChatSession]:
        return []

    def is_in(self, session: ChatSession, room: str) -> bool:
        return bool(self.rooms[session.sid, room])


class FakeVisibility:
    """Every user is visible except those in `hidden`."""

    def __init__(self, *hidden: str) -> None:
        self.hidden = hidden

    async def wait_written(self, session: ChatSession) -> None:
        await asyncio.sleep(0)

    async def is_visible(self, session: ChatSession) -> bool:
        return session.user not in self.hidden


class FakeRoute:
    """Members and subscriptions of one gateway. `live` is the seq of the last live message."""

    def __init__(self) -> None:
        self.members: set[tuple[str, str]] = set()
        self.acquired: Counter[str] = Counter()
        self.live = 0
        self.packets: list[tuple[str, bytes]] = []

    def acquire(self, room: str) -> asyncio.Future[None]:
        self.acquired[room] += 1
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    def release(self, room: str) -> None:
        self.acquired[room] -= 1

    def admit(self, sid: str, room: str, epoch: str, seq: int) -> bool:
        if self.live > seq:
            return False
        self.members.add((sid, room))
        return True

    async def remove_member(self, sid: str, room: str) -> None:
        self.members.discard((sid, room))

    def send_packet(self, sid: str, packet: bytes) -> None:
        self.packets.append((sid, packet))

    def waiting_bytes(self, sid: str) -> int | None:
        return 0


class FakeVoice:
    """Mutes the users in `muted`, and refuses the users in `blocked`, as a block in a direct room does.

    The sanctions of users in `restricted` must be looked up for each message.
    """

    def __init__(self) -> None:
        self.muted: set[str] = set()
        self.blocked: set[str] = set()
        self.restricted: set[str] = set()
        self.turns: list[str] = []

    def is_unrestricted(self, user: str, room: str) -> bool:
        return user not in self.muted | self.blocked | self.restricted

    async def require_voice(self, user: str, room: str) -> None:
        if user in self.muted:
            raise RoomcastError(Code.MUTED)
        if user in self.blocked:
            raise RoomcastError(Code.FORBIDDEN)

    async def take_turn(self, user: str, room: str) -> None:
        self.turns.append(user)


async def no_user_is_banned(*_: str) -> bool:
    return False
