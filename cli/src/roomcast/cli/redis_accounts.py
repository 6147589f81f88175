"""Check with Redis's `ACL DRYRUN` whether the accounts of connected processes have the rights that they need.

The kind of a process is read from the name of its connection, so accounts may have any name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from roomcast.cli.cluster import ClusterReader
from roomcast.contract import keys

Command = tuple[str, ...]
_ROOM: Final = "doctor"
_LOG_ENTRIES: Final = 50
_RECENT_SECONDS: Final = 60.0
_SCRIPT: Final[Command] = ("EVALSHA", "script", "0")
NEEDED: Final[Mapping[str, tuple[Command, ...]]] = {
    "roomcast-gateway": (
        _SCRIPT,
        ("SUBSCRIBE", keys.CONTROL),
        ("SSUBSCRIBE", keys.room_channel(_ROOM)),
        ("SSUBSCRIBE", keys.node_channel("1")),
        ("SSUBSCRIBE", keys.user_channel(_ROOM)),
        ("SPUBLISH", keys.presence_channel(0), "x"),
        ("HSET", keys.room_log(_ROOM), "1", "x"),
        ("ZADD", keys.presence_seen(0), "1", "x"),
        ("SET", keys.node_lease("1"), "x"),
        ("GET", keys.revoked_user(_ROOM)),
        ("XADD", keys.MEDIA_REQUESTS, "*", "m", "x"),
    ),
    "roomcast-presence": (
        _SCRIPT,
        ("SPUBLISH", keys.presence_channel(0), "x"),
        ("ZADD", keys.presence_seen(0), "1", "x"),
        ("SET", keys.PRESENCE_SWEEPER, "x"),
        ("GET", keys.node_lease("1")),
    ),
    "roomcast-media": (
        _SCRIPT,
        ("SPUBLISH", keys.node_channel("1"), "x"),
        ("XACK", keys.MEDIA_REQUESTS, keys.MEDIA_GROUP, "0-1"),
        ("HSET", keys.upload(_ROOM), "a", "b"),
    ),
    "roomcast-api": (
        _SCRIPT,
        ("PUBLISH", keys.CONTROL, "x"),
        ("SPUBLISH", keys.room_channel(_ROOM), "x"),
        ("SPUBLISH", keys.namespace_channel("/"), "x"),
        ("SPUBLISH", keys.user_channel(_ROOM), "x"),
        ("HSET", keys.room_log(_ROOM), "1", "x"),
        ("HGETALL", keys.user_rooms(_ROOM)),
        ("ZCARD", keys.presence_seen(0)),
        ("SET", keys.revoked_user(_ROOM), "x"),
        ("XADD", keys.MEDIA_REQUESTS, "*", "m", "x"),
        ("BLPOP", keys.media_replies(f"{keys.BACK_END_NODE}1"), "1"),
        ("HGET", keys.API_KEYS, "x"),
        ("SET", keys.api_rate("x"), "x"),
    ),
}
"""Kind of process -> the commands that it needs: one for each family of keys and channels."""


async def refusals(reader: ClusterReader) -> tuple[list[str], list[str]]:
    """Return the needed commands that accounts may not run (`account: command`), and the checked accounts."""
    refused, checked = [], []
    for account, process in sorted(await _accounts(reader)):
        checked.append(account)
        missing = [command for command in NEEDED[process] if not await _may(reader, account, command)]
        refused += [f"{account}: {command[0]} {command[1]}" for command in missing]
    return refused, checked


async def is_open(reader: ClusterReader) -> bool:
    """Return whether Redis accepts clients without a password."""
    flags = _fields(await reader.call("ACL", "GETUSER", "default")).get("flags", ())
    return {"on", "nopass"} <= {_text(flag) for flag in flags}


async def failed_logins(reader: ClusterReader) -> list[str]:
    """Return the accounts that Redis refused to log in within the last minute."""
    entries = [_fields(entry) for entry in await reader.call("ACL", "LOG", _LOG_ENTRIES)]
    recent = [entry for entry in entries if float(_text(entry["age-seconds"])) < _RECENT_SECONDS]
    return sorted({_text(entry["username"]) for entry in recent if _text(entry["reason"]) == "auth"})


def _fields(reply: Any) -> dict[str, Any]:
    """Return a reply of alternating names and values as a dict. The driver may have made it a dict already."""
    pairs = reply.items() if isinstance(reply, dict) else zip(reply[::2], reply[1::2], strict=True)
    return {_text(name): value for name, value in pairs}


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


async def _accounts(reader: ClusterReader) -> set[tuple[str, str]]:
    """Return the pairs (account, kind of process) of the connections of Roomcast's processes."""
    found = set()
    for client in await reader.clients():
        process = next((kind for kind in NEEDED if client["name"].startswith(kind)), None)
        if process is not None:
            found.add((client["user"], process))
    return found


async def _may(reader: ClusterReader, account: str, command: Command) -> bool:
    name, key, *rest = command
    reply: Any = await reader.call("ACL", "DRYRUN", account, name, reader.name(key), *rest)
    return bool(reply in (b"OK", "OK"))
