"""Cursors of history: opaque to clients, without state in the server. Pure.

A cursor holds direction, seq and epoch. In another epoch its seq may belong to another message, so the API refuses a
cursor of another epoch.
"""

from __future__ import annotations

import base64
import binascii
from typing import Literal, NamedTuple

import msgspec

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events import Seq

Direction = Literal["before", "after"]


class Cursor(NamedTuple):
    """A place in a room's log: the page holds the messages before or after `seq` of `epoch`."""

    direction: Direction
    seq: Seq
    epoch: str


def encode(cursor: Cursor) -> str:
    """Return the text of a cursor."""
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def decode(text: str) -> Cursor:
    """Return the cursor of a text; raise BAD_REQUEST for any other text."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=Cursor)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise RoomcastError(Code.BAD_REQUEST, "no cursor of this API") from None
