"""Encode and decode the cursors of history, which are opaque to clients and need no state in the server. Pure.

A cursor consists of direction, seq and epoch. After a change of the room's epoch, the seq may belong to another
message, so the API refuses a cursor of another epoch.
"""

from __future__ import annotations

import base64
import binascii
from typing import Literal, NamedTuple

import msgspec

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.fields import Seq

Direction = Literal["before", "after"]


class Cursor(NamedTuple):
    """A place in a room's log. The page of a cursor contains the messages before or after `seq` in `epoch`."""

    direction: Direction
    seq: Seq
    epoch: str


def encode(cursor: Cursor) -> str:
    """Return the text of a cursor."""
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def decode(text: str) -> Cursor:
    """Return the cursor in a text. Raise BAD_REQUEST for a text that `encode` did not return."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=Cursor)
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise RoomcastError(Code.BAD_REQUEST, "the cursor is not one of this API") from None
