"""Rewrite older entries of the log for an edit or a deletion. Pure: takes JSON, and returns rewrites.

Gateways and back ends edit and delete messages by the same rules. Only back ends edit and delete system messages,
because the `user` of a system message did not write it.

The log keeps one entry per `seq`, so that readers can tell a deleted message from a gap. A deletion turns the original
into a tombstone (`deleted` = the seq of the deletion), without text, media and data. An edit writes the new text and
data into the original (`edited` = the seq of the edit). It removes text and data from the entry of the previous edit,
so that no old text can be read.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.log_scripts import Rewrite

_CONTENT: Final = ("text", "media", "data")
_AMENDABLE: Final = ("text", "media", "data")


def load_target(entry: bytes | None, *, system: bool = False) -> dict[str, Any]:
    """Return the message to edit or delete. Raise NOT_FOUND if it is missing or deleted, or if the entry is no message.

    Unless `system` is True, raise NOT_FOUND for a system message, too.
    """
    message = msgspec.json.decode(entry) if entry else None
    if not isinstance(message, dict) or "deleted" in message:
        raise RoomcastError(Code.NOT_FOUND, "no such message")
    if message.get("kind") == "system" and not system:
        raise RoomcastError(Code.NOT_FOUND, "a system message: only back ends edit and delete it")
    if message.get("kind") not in (*_AMENDABLE, "system"):
        raise RoomcastError(Code.NOT_FOUND, "no such message")
    return message


def edited_content(message: dict[str, Any], text: str | None, data: dict[str, Any] | None) -> dict[str, Any]:
    """Return the text and data that a message has after an edit. An argument of None does not change its field.

    The log entry of the edit contains both fields, even if only one field changes, because the entry of an earlier edit
    loses its content.
    """
    after = {
        "text": message.get("text") if text is None else text,
        "data": message.get("data") if data is None else data,
    }
    return {name: value for name, value in after.items() if value is not None}


def edited(entry: bytes, message: dict[str, Any], content: dict[str, Any]) -> Rewrite:
    """Return the rewrite that writes the new content into the original."""
    return _marked(entry, {**message, **content}, "edited")


def deleted(entry: bytes, message: dict[str, Any]) -> Rewrite:
    """Return the rewrite that turns the original into a tombstone."""
    return _marked(entry, {key: value for key, value in message.items() if key not in _CONTENT}, "deleted")


def superseded(entry: bytes) -> Rewrite:
    """Return the rewrite that removes text and data from an earlier edit."""
    message = msgspec.json.decode(entry)
    bare = {key: value for key, value in message.items() if key not in _CONTENT}
    return Rewrite(message["seq"], entry, msgspec.json.encode({**bare, "superseded": True}))


def _marked(entry: bytes, message: dict[str, Any], mark: str) -> Rewrite:
    """Return the rewrite that replaces `entry` by `message` with the additional field `mark`.

    The script fills in the value of the field: the seq of the edit or deletion.
    """
    rest = {key: value for key, value in message.items() if key != mark}
    return Rewrite(message["seq"], entry, msgspec.json.encode(rest)[:-1] + f',"{mark}":'.encode(), b"}")
