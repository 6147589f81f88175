"""The names of the events that a gateway sends, and which of them a back end may send."""

from __future__ import annotations

from typing import Final

import msgspec

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
