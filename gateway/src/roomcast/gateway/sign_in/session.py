"""One signed-in connection, as the chat sees it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from roomcast.contract.errors import Code, RoomcastError
from roomcast.engineio.limits.token_bucket import TokenBucket
from roomcast.gateway.chat.plain_sends import SendTicket
from roomcast.gateway.operations.byte_allowance import ByteAllowance
from roomcast.gateway.presence.notes import NO_NOTE, Note
from roomcast.gateway.sign_in.event_limit import EventLimit
from roomcast.gateway.sign_in.identity import Identity


class JoinTurn:
    """One join in progress. Joins of one room by one session run one after the other."""

    __slots__ = ("_done", "before", "is_wanted")

    def __init__(self, before: JoinTurn | None) -> None:
        self.before = before
        """The previous join of the same room, while it is in progress."""
        self.is_wanted = True
        """False once the session has left the room, or was removed from it, since the join was asked for."""
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def come(self) -> None:
        """Wait until all earlier joins of the room have been answered."""
        if self.before is not None:
            await asyncio.shield(self.before._done)
            self.before = None

    def end(self) -> None:
        """Let the next join of the room begin."""
        self._done.set_result(None)


@dataclass(slots=True)
class ChatSession:
    """One signed-in Socket.IO session. `rooms` holds the rooms that it has joined and may be in."""

    sid: str
    eio_sid: str
    identity: Identity
    limit: EventLimit
    allowance: ByteAllowance = field(default_factory=ByteAllowance)
    """The bytes of the user's day, shared by all connections of the user here."""
    rooms: set[str] = field(default_factory=set)
    joined_at: dict[str, int] = field(default_factory=dict)
    """When each room was joined, ms by Redis's clock: a kick from before does not concern the session."""
    joining: dict[str, JoinTurn] = field(default_factory=dict)
    """The latest join under way, by room."""
    is_closed: bool = False
    status: str = "online"
    note: Note = NO_NOTE
    kind: str = ""
    """The kind of device, as the client named it; empty: it named none."""
    has_own_status: bool = False
    """True when this client has set a status. Else the session has the one that its user chose last, on any device."""
    addressed: set[str] = field(default_factory=set)
    """Direct rooms whose other person was told of them by this session."""
    tickets: dict[bytes, SendTicket] | None = None
    """The rooms into which its plain messages go by the hot path; see `roomcast.gateway.chat.fast_path`."""
    custom_events: TokenBucket | None = None
    """Limits its custom events; made with the first."""
    sending: dict[str, asyncio.Future[None]] = field(default_factory=dict)
    """The latest send into a room that waits for something before its place in the publish queue: later ones wait."""

    @property
    def user(self) -> str:
        """The user id."""
        return self.identity.user

    @property
    def is_visible(self) -> bool:
        """Tell whether this device shows the user to others."""
        return self.status != "invisible"

    def require_open(self) -> None:
        """Raise CONFLICT when the connection has ended: what is kept for it from now on, nobody would forget."""
        if self.is_closed:
            raise RoomcastError(Code.CONFLICT, "the connection has ended")

    def set_own_status(self, status: str, note: Note) -> None:
        """Set the status that this client has said."""
        self.status, self.note, self.has_own_status = status, note, True

    def begin_join(self, room: str) -> JoinTurn:
        """Note a join that is under way from now on; end it by `end_join`."""
        turn = self.joining[room] = JoinTurn(self.joining.get(room))
        return turn

    def end_join(self, room: str, turn: JoinTurn) -> None:
        """Note that a join was answered."""
        turn.end()
        if self.joining.get(room) is turn:
            del self.joining[room]

    def revoke_tickets(self, room: str = "") -> None:
        """Take the fast path's ticket for a room away, or (an empty `room`) all: the next message is checked again."""
        if self.tickets is not None:
            if room:
                self.tickets.pop(room.encode(), None)
            else:
                self.tickets.clear()

    def abandon_joins(self, room: str) -> None:
        """Let all joins of the room that are in progress fail."""
        turn = self.joining.get(room)
        while turn is not None:
            turn.is_wanted = False
            turn = turn.before
