"""The table of the events that a client may send."""

from __future__ import annotations

from typing import Final

from roomcast.contract.events.fields import Payload
from roomcast.contract.events.media import MediaComplete, MediaSign, MediaUrl
from roomcast.contract.events.messages import (
    MessageDelete,
    MessageEdit,
    MessageHistory,
    MessageReact,
    MessageSend,
    ReceiptRead,
)
from roomcast.contract.events.moderation import (
    MessageReport,
    ReportList,
    ReportResolve,
    RoomSanction,
    RoomSanctions,
    RoomSlow,
)
from roomcast.contract.events.presence import Presence, PresenceLook, PresenceUsers, Typing
from roomcast.contract.events.rooms import (
    InboxList,
    RoomClose,
    RoomCreate,
    RoomDirectory,
    RoomEmit,
    RoomInfo,
    RoomInvite,
    RoomJoin,
    RoomLeave,
    RoomList,
    RoomMembers,
    RoomQuit,
    RoomRemove,
    RoomTransfer,
    RoomUpdate,
)
from roomcast.contract.events.sign_in import AuthRefresh
from roomcast.contract.events.users import UserBlock, UserBlocked, UserSearch

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
