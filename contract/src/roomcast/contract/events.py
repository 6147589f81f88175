"""The protocol between browsers and gateways: event names, payloads, limits.

Payloads of client events are `msgspec` structs. `msgspec.convert(payload, EVENTS[name])` validates a payload, and
raises `msgspec.ValidationError`. The error for an unknown field names the field. Times are milliseconds since the epoch
by Redis's clock, sizes are bytes, and durations are seconds.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypedDict

import msgspec
from msgspec import Meta, Struct

from roomcast.contract.ids import (
    CLIENT_ID_CHARACTER,
    EVENT_NAME_PATTERN,
    MAX_CLIENT_ID,
    ROOM_ID,
    ROOM_PATTERN,
    USER_PATTERN,
)
from roomcast.contract.texts import MAX_NAME, MAX_NOTE, MAX_REASON, MAX_TOPIC

HEARTBEAT_SECONDS: Final = 30
ONLINE_SECONDS: Final = 60
TYPING_SECONDS: Final = 6
MAX_LIST: Final = 100
MAX_MESSAGE_BYTES: Final = 16_384
MAX_DATA_BYTES: Final = 4_096
"""The most bytes of `data` of an application, as compact JSON in UTF-8."""
MAX_DATA_DEPTH: Final = 8
"""The deepest nesting of objects and lists in `data` of an application. The object itself has depth 1."""
CUSTOM_EVENTS_PER_SECOND: Final = 20
"""The most `room:emit` events of one connection per second, on average.

The connections of a user on one gateway share their limits, up to those of four connections.
"""
CUSTOM_EVENTS_BURST: Final = 40
MAX_TOKEN: Final = 8_192
"""The most characters of a token."""
MAX_TOKEN_ID: Final = 128
"""The most characters of a `jti` or `sid` claim."""
MAX_SEQ: Final = 2**53
"""The largest `seq`: JavaScript numbers represent integers up to 2^53 exactly."""
MAX_WATCHED_USERS: Final = 200
MAX_SHOWN_DEVICES: Final = 20
"""The most devices of one user that are shown to others. `_presence.lua` has the same number."""
MAX_NOTE_SECONDS: Final = 366 * 86_400
"""The longest time, in seconds, from now to the end of a note."""
MAX_PRESENCE_ROOM: Final = 200
MAX_ROOMS_PER_CONNECTION: Final = 100
MAX_ROOMS_PER_USER: Final = 500
MAX_SANCTIONS: Final = 1_000
"""The most mutes and bans in one room."""
MAX_MENTIONS: Final = 20
"""The most users whom one message mentions."""
MAX_COUNTED_MENTIONS: Final = 100
"""The highest count of mentions that is shown, because `room_append.lua` does not store more mentions."""
MAX_BLOCKED: Final = 500
"""The most users on one block list."""
MAX_REPORTS: Final = 10_000
"""The most open reports of a cluster. One more report deletes the oldest."""
ROOM_LIST_SECONDS: Final = 90 * 86_400
"""Seconds for which a user's room list is kept after its last change."""

Room = Annotated[str, Meta(pattern=ROOM_PATTERN)]
User = Annotated[str, Meta(pattern=USER_PATTERN)]
ClientId = Annotated[str, Meta(min_length=1, max_length=MAX_CLIENT_ID, pattern=rf"^{CLIENT_ID_CHARACTER}+\Z")]
Seq = Annotated[int, Meta(ge=1, le=MAX_SEQ)]
ReadSeq = Annotated[int, Meta(ge=0, le=MAX_SEQ)]
"""The `seq` of a read mark; 0 in an empty room."""

SanctionSeconds = Annotated[int, Meta(ge=1, le=10 * 365 * 86_400)]
SlowSeconds = Annotated[int, Meta(ge=0, le=6 * 3_600)]
ReportId = Annotated[str, Meta(pattern=r"^[0-9]{1,15}-[0-9]{1,19}\Z")]
Limit = Annotated[int, Meta(ge=1, le=MAX_LIST)]
Text = Annotated[str, Meta(min_length=1, max_length=MAX_MESSAGE_BYTES)]
Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
Topic = Annotated[str, Meta(max_length=MAX_TOPIC)]
Data = dict[str, Any]
"""A JSON object of the application. `roomcast.contract.app_data` checks its size and depth."""
EventName = Annotated[str, Meta(pattern=EVENT_NAME_PATTERN)]
Emoji = Annotated[str, Meta(min_length=1, max_length=16)]
Note = Annotated[str, Meta(max_length=MAX_NOTE)]
Until = Annotated[int, Meta(ge=1, le=MAX_SEQ)]
"""The end of a note, in milliseconds since the epoch."""
DeviceKind = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,15}\Z")]
"""The kind of device that a client names, such as `web`, `desktop` or `mobile`."""
UploadId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{8,64}\Z")]
Mentions = Annotated[list[User], Meta(min_length=1, max_length=MAX_MENTIONS)]
CURSOR: Final = rf"[0-9]{{1,16}}/{ROOM_ID}"
"""A place in an inbox: the time of the last activity, and the room."""
Cursor = Annotated[str, Meta(pattern=rf"^{CURSOR}\Z")]
Users = Annotated[list[User], Meta(max_length=MAX_LIST)]
Pixels = Annotated[int, Meta(ge=1, le=100_000)]
Role = Literal["owner", "admin", "member"]
Status = Literal["online", "away", "busy", "invisible"]
ShownStatus = Literal["online", "away", "busy", "offline"]


class Payload(Struct, frozen=True, forbid_unknown_fields=True):
    """The base of all payloads of clients. An unknown field is an error: it may be misspelt, or of a newer release."""


class Since(Payload, frozen=True):
    """The last position of a returning client. Any number or text is valid, but recovery needs a known position."""

    seq: int | float | str
    epoch: str


class RoomJoin(Payload, frozen=True):
    room: Room
    since: Since | None = None
    limit: Limit = 50
    replay: bool = False


class RoomLeave(Payload, frozen=True):
    room: Room


class RoomMembers(Payload, frozen=True):
    """Ask for the occupants of a room, or, with `stored`, for its stored members, who need not be in the room."""

    room: Room
    after: str | None = None
    limit: Limit = MAX_LIST
    stored: bool = False


class RoomCreate(Payload, frozen=True):
    room: Room
    kind: Literal["private", "public"]
    name: Name | None = None


class RoomInvite(Payload, frozen=True):
    room: Room
    user: User
    role: Literal["admin", "member"] = "member"


class RoomRemove(Payload, frozen=True):
    room: Room
    user: User


class RoomInfo(Payload, frozen=True):
    """Ask for the description of a stored room."""

    room: Room


class RoomDirectory(Payload, frozen=True):
    """Ask for the public rooms whose names begin with `query`."""

    query: Annotated[str, Meta(max_length=MAX_NAME)] = ""
    after: Annotated[str, Meta(max_length=1_000)] | None = None
    limit: Limit = 50


class RoomUpdate(Payload, frozen=True):
    """Change a room's description. A missing field does not change. An empty topic or object deletes the stored one."""

    room: Room
    name: Name | None = None
    topic: Topic | None = None
    data: Data | None = None


class RoomTransfer(Payload, frozen=True):
    """Make another member the owner."""

    room: Room
    user: User


class RoomClose(Payload, frozen=True):
    """Delete a room with its history and memberships."""

    room: Room


class RoomQuit(Payload, frozen=True):
    """Leave a room permanently, on all devices: end the membership, and remove the room from the user's list."""

    room: Room


class RoomSanction(Payload, frozen=True):
    """Mute or ban a user in a room (`on`), or lift the mute or ban. `seconds` None: without an end."""

    room: Room
    user: User
    kind: Literal["mute", "ban"]
    on: bool
    seconds: SanctionSeconds | None = None


class RoomSanctions(Payload, frozen=True):
    """Ask who is muted or banned in a room."""

    room: Room


class RoomSlow(Payload, frozen=True):
    """Let each user of a room send at most one message per `seconds` seconds; 0 ends the slow mode."""

    room: Room
    seconds: SlowSeconds


class RoomEmit(Payload, frozen=True):
    """Send a custom event to the other users in a room. `as_invisible`: even if it reveals an invisible sender."""

    room: Room
    event: EventName
    data: Data = {}
    as_invisible: bool = False


class RoomList(Payload, frozen=True):
    after: str | None = None
    limit: Limit = MAX_LIST


class InboxList(Payload, frozen=True):
    """Ask for a page of the user's inbox, the latest activity first.

    `live` starts (true) or stops (false) the `inbox` events for this client. Without `live`, nothing changes.
    """

    after: Cursor | None = None
    limit: Limit = 50
    live: bool | None = None


class MessageSend(Payload, frozen=True):
    """Write a message: a text, an upload, data, or several of them."""

    room: Room
    id: ClientId
    text: Text | None = None
    upload: UploadId | None = None
    reply_to: Seq | None = None
    data: Data | None = None
    mentions: Mentions | None = None


class MessageEdit(Payload, frozen=True):
    """Change the text of a message, its data, or both. A missing field does not change."""

    room: Room
    id: ClientId
    target: Seq
    text: Text | None = None
    data: Data | None = None


class MessageDelete(Payload, frozen=True):
    room: Room
    id: ClientId
    target: Seq


class MessageReact(Payload, frozen=True):
    room: Room
    id: ClientId
    target: Seq
    emoji: Emoji
    on: bool


class MessageHistory(Payload, frozen=True):
    room: Room
    before: Seq | None = None
    limit: Limit = 50


class MessageReport(Payload, frozen=True):
    """Report a message to the room's moderators and the operators."""

    room: Room
    target: Seq
    reason: Annotated[str, Meta(min_length=1, max_length=MAX_REASON)]


class ReportList(Payload, frozen=True):
    """Ask for open reports: of a room that the user moderates, or, as an operator, of all rooms."""

    room: Room | None = None
    after: ReportId | None = None
    limit: Limit = 50


class ReportResolve(Payload, frozen=True):
    """Close a report."""

    id: ReportId


class UserBlock(Payload, frozen=True):
    """Block or unblock a user. A block stops direct messages, presence and typing between the two users."""

    user: User
    on: bool


class UserBlocked(Payload, frozen=True):
    """Ask for the user's block list."""


class UserSearch(Payload, frozen=True):
    """Find people whose names begin with a text."""

    name: Annotated[str, Meta(min_length=2, max_length=MAX_NAME)]
    after: Annotated[str, Meta(max_length=1_000)] | None = None
    limit: Limit = 20


class Typing(Payload, frozen=True):
    room: Room
    typing: bool


class ReceiptRead(Payload, frozen=True):
    room: Room
    seq: ReadSeq


class Presence(Payload, frozen=True):
    """Set the user's status and note; `until` ends the note. A missing field does not change."""

    status: Status | None = None
    note: Note | None = None
    until: Until | None = None


class ConnectPresence(Presence, frozen=True):
    """The presence that a client sends with the token when it connects."""

    kind: DeviceKind | None = None


class PresenceUsers(Payload, frozen=True):
    users: Users


class PresenceLook(Payload, frozen=True):
    """Ask for the presence of users. `devices`: include the presence of each device."""

    users: Users
    devices: bool = False


class MediaSign(Payload, frozen=True):
    room: Room
    name: Annotated[str, Meta(min_length=1, max_length=255)]
    type: Annotated[str, Meta(max_length=100)]
    """The type that the browser reports; empty if the operating system does not know the extension."""
    size: Annotated[int, Meta(ge=0, le=2**53)]
    width: Pixels | None = None
    height: Pixels | None = None


class MediaComplete(Payload, frozen=True):
    upload: UploadId
    parts: Annotated[list[dict[str, Any]], Meta(max_length=10_000)] | None = None


class MediaUrl(Payload, frozen=True):
    upload: UploadId


class AuthRefresh(Payload, frozen=True):
    token: Annotated[str, Meta(max_length=MAX_TOKEN)]


EVENTS: Final[dict[str, type[Payload]]] = {
    "room:join": RoomJoin,
    "room:leave": RoomLeave,
    "room:members": RoomMembers,
    "room:create": RoomCreate,
    "room:invite": RoomInvite,
    "room:remove": RoomRemove,
    "room:list": RoomList,
    "inbox:list": InboxList,
    "room:directory": RoomDirectory,
    "room:info": RoomInfo,
    "room:update": RoomUpdate,
    "room:transfer": RoomTransfer,
    "room:close": RoomClose,
    "room:quit": RoomQuit,
    "room:sanction": RoomSanction,
    "room:sanctions": RoomSanctions,
    "room:slow": RoomSlow,
    "room:emit": RoomEmit,
    "message:send": MessageSend,
    "message:edit": MessageEdit,
    "message:delete": MessageDelete,
    "message:react": MessageReact,
    "message:history": MessageHistory,
    "message:report": MessageReport,
    "report:list": ReportList,
    "report:resolve": ReportResolve,
    "user:block": UserBlock,
    "user:blocked": UserBlocked,
    "user:profiles": PresenceUsers,
    "user:search": UserSearch,
    "typing": Typing,
    "receipt:read": ReceiptRead,
    "presence": Presence,
    "presence:query": PresenceLook,
    "presence:watch": PresenceLook,
    "presence:unwatch": PresenceUsers,
    "media:sign": MediaSign,
    "media:complete": MediaComplete,
    "media:url": MediaUrl,
    "auth:refresh": AuthRefresh,
}
"""Every event that a client may send, with its payload."""

READY: Final = "ready"
MESSAGE: Final = "message"
TYPING: Final = "typing"
PRESENCE: Final = "presence"
RECEIPT: Final = "receipt"
PROFILE: Final = "profile"
ROOM: Final = "room"
INBOX: Final = "inbox"
CUSTOM: Final = "custom"
RESYNC: Final = "resync"
DRAIN: Final = "drain"

SERVER_EVENTS: Final = (READY, MESSAGE, TYPING, PRESENCE, RECEIPT, PROFILE, ROOM, INBOX, CUSTOM, RESYNC, DRAIN)
"""Every event that a gateway may send."""

BACK_END_EVENTS: Final = (ROOM, CUSTOM)
"""The events to a user that gateways deliver from every back end, also from a back end without the cluster key."""


def is_back_end_event(packet: bytes, events: tuple[str, ...] = BACK_END_EVENTS) -> bool:
    """Tell whether a Socket.IO packet, in the form that `Backend` writes, is an event that every back end may send.

    The result is False for an event with a `user`, because only gateways write `user` into events.
    """
    if not packet.startswith(tuple(f'2["{name}",'.encode() for name in events)):
        return False
    try:
        _, payload = msgspec.json.decode(packet[1:])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False
    return isinstance(payload, dict) and "user" not in payload


class Media(TypedDict, total=False):
    """A file in a message. Only the server writes these fields, from the file in the storage."""

    upload: str
    url: str
    type: str
    size: int
    name: str
    width: int
    height: int
    charset: str
    """The encoding of a text, as a label of the WHATWG Encoding Standard (`utf-8`, `utf-16le`, `windows-1252`)."""
    thumbnail: str


class PresenceDevice(TypedDict, total=False):
    """One device of a user. `kind` is missing if the client did not name a kind."""

    status: ShownStatus
    kind: str


class PresenceChange(TypedDict, total=False):
    """One user's presence as others may see it. `last_seen` and `until` are in milliseconds."""

    user: str
    status: ShownStatus
    last_seen: int
    note: str
    until: int
    devices: list[PresenceDevice]
