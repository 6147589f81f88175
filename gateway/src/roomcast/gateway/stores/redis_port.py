"""Let the stores reach Redis, and turn the adapter's RedisConnectionError into RoomcastError."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Iterable
from typing import Any, Final, Protocol

from roomcast.adapter.redis.connection import CommandError, ConnectionLost, NotConnected, RedisConnectionError
from roomcast.contract.errors import Code, RoomcastError
from roomcast.wire.limited_log import LimitedLog

_log = LimitedLog(logging.getLogger(__name__))


class Scripts(Protocol):
    """Runs commands and scripts; see `roomcast.adapter.redis.backplane.Backplane`."""

    def script(self, name: str, keys: tuple[str, ...], args: Iterable[bytes | str | int]) -> Awaitable[Any]:
        """Run a script of the contract."""
        ...

    def command(self, name: str, key: str, *args: bytes | str | int | float) -> Awaitable[Any]:
        """Run one plain command on one key."""
        ...


class RedisPort:
    """Runs commands and scripts, and raises RoomcastError when they fail.

    UNAVAILABLE: the command was not run, or Redis refused the command. OUTCOME_UNKNOWN: no reply came.
    """

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def call(self, command: str, key: str, *args: bytes | str | int) -> Any:
        """Run one command on one key."""
        with translated:
            return await self._scripts.command(command, key, *args)

    def begin(self, command: str, key: str, *args: bytes | str | int) -> Awaitable[Any]:
        """Send a command now. The caller must always await the reply, and translate its errors."""
        return self._scripts.command(command, key, *args)

    def begin_script(self, name: str, names: tuple[str, ...], args: Iterable[bytes | str | int]) -> Awaitable[Any]:
        """Send a script, as `begin` does."""
        return self._scripts.script(name, names, args)

    def run_together(self, *commands: tuple[str, str, *tuple[bytes | str | int, ...]]) -> Awaitable[list[Any]]:
        """Run several commands, each `(command, key, …)`, in one round trip; raise the first error after all replies.

        The call sends the commands; always await the replies. TIME has no key: its `key` only selects the server.
        """
        with translated:
            return _in_turn([self._scripts.command(name, key, *args) for name, key, *args in commands])

    def run_scripts(
        self, name: str, calls: Iterable[tuple[tuple[str, ...], Iterable[bytes | str | int]]]
    ) -> Awaitable[list[Any]]:
        """Run one script with each `(KEYS, ARGV)` of `calls` in one round trip; errors as in `run_together`."""
        with translated:
            return _in_turn([self._scripts.script(name, names, args) for names, args in calls])

    async def script(self, name: str, names: tuple[str, ...], args: Iterable[bytes | str | int]) -> Any:
        """Run the Lua script `<name>` with `names` as its KEYS."""
        with translated:
            return await self._scripts.script(name, names, args)

    async def now_ms(self, key: str) -> int:
        """Return the clock of the server that holds `key`, in milliseconds since the epoch."""
        with translated:
            return as_ms(await self._scripts.command("TIME", key))


def as_ms(time: tuple[bytes, bytes]) -> int:
    """Return the reply of TIME in milliseconds."""
    seconds, microseconds = time
    return int(seconds) * 1000 + int(microseconds) // 1000


async def _in_turn(replies: list[Awaitable[Any]]) -> list[Any]:
    """Return all replies, in order. The commands are already sent, so the replies can be awaited one by one."""
    answers: list[Any] = []
    first: RedisConnectionError | None = None
    for reply in replies:
        try:
            answers.append(await reply)
        except RedisConnectionError as error:
            first = first or error
    if first is not None:
        raise translation(first) from first
    return answers


class _Translated:
    """Turns a RedisConnectionError within `with translated:` into a RoomcastError.

    This is a class, because a context manager made from a generator takes ten times as long.
    """

    def __enter__(self) -> None:
        """Keep no state, because one object serves all callers."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, RedisConnectionError):
            raise translation(error) from error


translated: Final = _Translated()


def translation(error: RedisConnectionError) -> RoomcastError:
    """Return the RoomcastError. Its detail is only the first word of a Redis error (OOM, MISCONF, READONLY)."""
    match error:
        case NotConnected():
            return RoomcastError(Code.UNAVAILABLE)
        case ConnectionLost():
            return RoomcastError(Code.OUTCOME_UNKNOWN)
        case CommandError():
            word = str(error).split(" ", 1)[0]
            _log.warning(word, "Redis refuses commands: %s", word)
            return RoomcastError(Code.UNAVAILABLE, word.lower())
        case _:
            return RoomcastError(Code.INTERNAL)
