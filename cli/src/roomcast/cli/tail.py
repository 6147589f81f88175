"""Print a room's newest messages, and follow the room by reading its log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

from roomcast.cli.cluster import ClusterReader
from roomcast.cli.output import moment, printable
from roomcast.contract import keys

_PAUSE_SECONDS: Final = 0.5
_PAGE: Final = 100

Show = Callable[[dict[str, Any]], None]


def line(message: dict[str, Any]) -> str:
    """Return a message as one line: time, seq, kind, author, text."""
    text = " ".join(str(message.get("text", "")).split())
    kind, target = str(message.get("kind", "")), message.get("target")
    what = kind if target is None else f"{kind} of {target}"
    return printable(f"{moment(message['time'])}  {message['seq']:>6}  {what:<10}  {message['user']}: {text}".rstrip())


async def follow(reader: ClusterReader, room: str, lines: int, show: Show, *, ends: bool) -> None:
    """Show the last `lines` messages. Unless `ends` is True, go on with each new message, until cancelled.

    The function reads the log twice a second instead of subscribing, so that it works with any topology and account.
    """
    newest = await _newest(reader, room)
    position = max(0, newest - lines)
    while True:
        while position < newest:
            last = min(newest, position + _PAGE)
            for message in await _page(reader, room, position + 1, last):
                show(message)
            position = last
        if ends:
            return
        await asyncio.sleep(_PAUSE_SECONDS)
        newest = await _newest(reader, room)
        position = min(position, newest)  # a room that was closed starts again at `seq` 1


async def _newest(reader: ClusterReader, room: str) -> int:
    return int(await reader.call("HGET", keys.room_meta(room), "seq") or 0)


async def _page(reader: ClusterReader, room: str, first: int, last: int) -> list[dict[str, Any]]:
    entries = await reader.call("HMGET", keys.room_log(room), *range(first, last + 1))
    return [json.loads(entry) for entry in entries if entry is not None]
