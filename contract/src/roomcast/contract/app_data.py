"""Check `data`: a JSON object of the application, in messages and in custom events. Pure.

Gateways and back ends apply the same rules. Roomcast stores and delivers such an object without interpreting it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.limits import MAX_DATA_BYTES, MAX_DATA_DEPTH

_MAX_INTEGER: Final = 2**53
"""The largest absolute value of an integer in `data`: JavaScript represents integers up to 2^53 exactly."""


def check_data(data: dict[str, Any]) -> bytes:
    """Return the object as compact JSON in UTF-8.

    Raise TOO_LARGE for more than MAX_DATA_BYTES, or for objects and lists nested deeper than MAX_DATA_DEPTH (the object
    itself has depth 1). Raise BAD_REQUEST for data that JSON or JavaScript cannot represent.
    """
    level: list[Any] = [data]
    depth = 0
    while level:
        if depth == MAX_DATA_DEPTH:
            raise RoomcastError(Code.TOO_LARGE, f"data is nested more than {MAX_DATA_DEPTH} levels deep")
        depth += 1
        level = [inner for container in level for inner in _values(container) if _is_container(inner)]
    return _encoded(data)


def stored_data(data: dict[str, Any]) -> str:
    """Return the object as text for the hash of a room or person; "" for an empty object. Raise as `check_data`."""
    return check_data(data).decode() if data else ""


def read_data(stored: str) -> dict[str, Any]:
    """Return the object that `stored_data` wrote."""
    return msgspec.json.decode(stored, type=dict[str, Any]) if stored else {}


def _values(container: Any) -> Iterable[Any]:
    if isinstance(container, list):
        return container
    if any(type(key) is not str for key in container):
        raise RoomcastError(Code.BAD_REQUEST, "the keys in data must be texts")
    return list(container.values())


def _is_container(value: Any) -> bool:
    """Return whether a value is an object or list. Raise BAD_REQUEST for a value that JSON cannot represent."""
    if isinstance(value, dict | list):
        return True
    if value is None or isinstance(value, str | bool):
        return False
    if isinstance(value, int):
        if not -_MAX_INTEGER <= value <= _MAX_INTEGER:
            raise RoomcastError(Code.BAD_REQUEST, "an integer in data may be at most 2^53, as in JavaScript")
        return False
    if isinstance(value, float) and math.isfinite(value):
        return False
    raise RoomcastError(Code.BAD_REQUEST, "data may contain only objects, lists, texts, numbers, true, false and null")


def _encoded(data: dict[str, Any]) -> bytes:
    try:
        encoded = msgspec.json.encode(data)
    except UnicodeEncodeError:
        raise RoomcastError(Code.BAD_REQUEST, "a text in data is not valid Unicode") from None
    if len(encoded) > MAX_DATA_BYTES:
        raise RoomcastError(Code.TOO_LARGE, f"data may have at most {MAX_DATA_BYTES} bytes as JSON")
    return encoded
