"""How the stores reach Redis. Here its trouble becomes ours: LinkError comes in, RoomcastError goes out."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import Any, Final, Protocol

from roomcast.adapter.redis_connection import CommandError, ConnectionLost, NotConnected, RedisConnectionError
from roomcast.contract.errors import Code, RoomcastError


class Scripts(Protocol):
    """What the stores need of `roomcast.adapter.backplane.Backplane`."""

    def script(self, name: str, keys: tuple[str, ...], args: Iterable[bytes | str | int]) -> Awaitable[Any]: ...

    def call(self, key: str, *args: bytes | str | int | float) -> Awaitable[Any]: ...


class RedisPort:
    """Raises RoomcastError: UNAVAILABLE (nothing was done, or Redis refused), OUTCOME_UNKNOWN (no answer came)."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def call(self, command: str, key: str, *args: bytes | str | int) -> Any:
        """One command on one key."""
        with translated:
            return await self._scripts.call(key, command, key, *args)

    def begin(self, command: str, key: str, *args: bytes | str | int) -> Awaitable[Any]:
        """The same, sent now; await the reply later, in any case. What it raises is not translated."""
        return self._scripts.call(key, command, key, *args)

    def begin_script(self, name: str, names: tuple[str, ...], args: Iterable[bytes | str | int]) -> Awaitable[Any]:
        """A script, as with `begin`."""
        return self._scripts.script(name, names, args)

    async def together(self, *commands: tuple[str, str, *tuple[bytes | str | int, ...]]) -> list[Any]:
        """Several commands, each `(command, key, …)`, in one round trip; the first error is raised at the end.

        TIME takes no key: the one given names the server to ask.
        """
        with translated:
            return await in_turn(
                self._scripts.call(key, command, *(() if command == "TIME" else (key, *args)))
                for command, key, *args in commands
            )

    async def scripts(
        self, name: str, calls: Iterable[tuple[tuple[str, ...], Iterable[bytes | str | int]]]
    ) -> list[Any]:
        """One script several times, each `(KEYS, ARGV)`, in one round trip; errors as with `together`."""
        with translated:
            return await in_turn(self._scripts.script(name, names, args) for names, args in calls)

    async def script(self, name: str, names: tuple[str, ...], args: Iterable[bytes | str | int]) -> Any:
        """`contract/scripts/<name>.lua` with `names` as its KEYS."""
        with translated:
            return await self._scripts.script(name, names, args)

    async def now_ms(self, key: str) -> int:
        """The clock of the server that holds `key`, milliseconds since the epoch."""
        with translated:
            return as_ms(await self._scripts.call(key, "TIME"))


def as_ms(time: tuple[bytes, bytes]) -> int:
    """The reply of TIME in milliseconds."""
    seconds, microseconds = time
    return int(seconds) * 1000 + int(microseconds) // 1000


async def in_turn(replies: Iterable[Awaitable[Any]]) -> list[Any]:
    """All replies, in order. They are under way already: waiting for one after the other needs no tasks."""
    answers: list[Any] = []
    first: RedisConnectionError | None = None
    for reply in list(replies):
        try:
            answers.append(await reply)
        except RedisConnectionError as error:
            first = first or error
    if first is not None:
        raise first
    return answers


class _Translated:
    """`with translated:` Redis's trouble within the block becomes a RoomcastError. A generator costs ten times this."""

    def __enter__(self) -> None:
        """Nothing is kept: one object serves all."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, RedisConnectionError):
            raise translation(error) from error


translated: Final = _Translated()


def translation(error: RedisConnectionError) -> RoomcastError:
    """Of what Redis itself says only the first word (OOM, MISCONF, READONLY): enough to act on, without internals."""
    match error:
        case NotConnected():
            return RoomcastError(Code.UNAVAILABLE)
        case ConnectionLost():
            return RoomcastError(Code.OUTCOME_UNKNOWN)
        case CommandError():
            return RoomcastError(Code.UNAVAILABLE, str(error).split(" ", 1)[0].lower())
        case _:
            return RoomcastError(Code.INTERNAL)
