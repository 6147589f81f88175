"""Check the text and data of a client's message. Pure."""

from __future__ import annotations

from typing import Any

from roomcast.contract.app_data import check_data
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.texts import is_blank


def check_content(text: str | None, data: dict[str, Any] | None, max_bytes: int) -> None:
    """Raise TOO_LARGE or BAD_REQUEST unless text (at most `max_bytes` in UTF-8) and data are valid; None is valid."""
    if text is not None:
        _check_text(text, max_bytes)
    if data is not None:
        check_data(data)


def _check_text(text: str, max_bytes: int) -> None:
    if len(text) * 4 > max_bytes and len(text.encode()) > max_bytes:
        raise RoomcastError(Code.TOO_LARGE, f"a text holds at most {max_bytes} bytes")
    if is_blank(text):
        raise RoomcastError(Code.BAD_REQUEST, "the text has no visible character")
