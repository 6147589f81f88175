"""The chat session: the state of one signed-in client."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.limits import CUSTOM_EVENTS_BURST, CUSTOM_EVENTS_PER_SECOND
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
        """False once the session has left the room, or was removed from it, while the join was in progress."""
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def wait(self) -> None:
        """Wait until all earlier joins of the room have been answered."""
        if self.before is not None:
            await asyncio.shield(self.before._done)
            self.before = None

    def end(self) -> None:
        """Let the next join of the room begin."""
        self._done.set_result(None)


@dataclass(slots=True)
class ChatSession:
    """One signed-in Socket.IO session. `rooms` are the rooms that it has joined."""

    sid: str
    eio_sid: str
    identity: Identity
    limit: EventLimit
    allowance: ByteAllowance = field(default_factory=ByteAllowance)
    """The user's daily allowance, shared by all connections of the user here."""
    rooms: set[str] = field(default_factory=set)
    joined_at: dict[str, int] = field(default_factory=dict)
    """Room -> the time of the join in ms, by Redis's clock. The session ignores a kick with an earlier time."""
    joining: dict[str, JoinTurn] = field(default_factory=dict)
    """Room -> the latest join in progress."""
    free_joins: TokenBucket = field(default_factory=lambda: TokenBucket(0.0, 0.0, 0.0))
    """The joins that count as one event each, shared by all connections of the user here. By default, none is free."""
    is_closed: bool = False
    is_expelled: bool = False
    """True once the gateway disconnects the session: its token was revoked or expired, or its user was banned."""
    status: str = "online"
    note: Note = NO_NOTE
    kind: str = ""
    """The kind of device that the client named, or empty."""
    has_own_status: bool = False
    """True if this client has set a status. Else the session has its user's last choice on any device."""
    addressed: set[str] = field(default_factory=set)
    """Direct rooms that this session has announced to the other person."""
    tickets: dict[bytes, SendTicket] | None = None
    """Room -> the ticket for plain messages by the fast path; see `roomcast.gateway.chat.fast_path`."""
    custom_events: TokenBucket = field(
        default_factory=lambda: TokenBucket(CUSTOM_EVENTS_PER_SECOND, CUSTOM_EVENTS_BURST, 0.0)
    )
    """The limit of custom events, shared by all connections of the user here."""
    sending: dict[str, asyncio.Future[None]] = field(default_factory=dict)
    """Room -> the latest send that waits for a look-up before it is queued. Later sends to the room wait for it."""
    refused_at: dict[str, float] = field(default_factory=dict)
    """Room in `sending` -> when the publish hook last refused a send for now, in monotonic seconds."""

    user: str = field(init=False)
    """The user id."""
    signed: Identity = field(init=False)
    """The contents of the last token. `identity` may have another name, which was set later."""

    def __post_init__(self) -> None:
        self.user = self.identity.user
        self.signed = self.identity

    @property
    def moderating_as(self) -> str:
        """The user whose role as a moderator the scripts check; empty for an operator, who needs no role."""
        return "" if self.identity.ops else self.user

    @property
    def is_visible(self) -> bool:
        """Return whether the status of this device is not `invisible`."""
        return self.status != "invisible"

    def require_open(self) -> None:
        """Raise CONFLICT when the connection has ended, because new state for the session would never be removed."""
        if self.is_closed:
            raise RoomcastError(Code.CONFLICT, "the connection has ended")

    def set_own_status(self, status: str, note: Note) -> None:
        """Set the status and note that this client has chosen."""
        self.status, self.note, self.has_own_status = status, note, True

    def begin_join(self, room: str) -> JoinTurn:
        """Record the start of a join; end it with `end_join`."""
        turn = self.joining[room] = JoinTurn(self.joining.get(room))
        return turn

    def end_join(self, room: str, turn: JoinTurn) -> None:
        """Record that a join has been answered."""
        turn.end()
        if self.joining.get(room) is turn:
            del self.joining[room]

    def revoke_tickets(self, room: str = "") -> None:
        """Delete the fast path's ticket for a room (empty: all tickets), so that the next message is checked."""
        if self.tickets is not None:
            if room:
                self.tickets.pop(room.encode(), None)
            else:
                self.tickets.clear()

    def abandon_joins(self, room: str) -> None:
        """Make all joins of the room that are in progress fail."""
        turn = self.joining.get(room)
        while turn is not None:
            turn.is_wanted = False
            turn = turn.before
