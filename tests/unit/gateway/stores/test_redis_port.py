"""Every error of Redis becomes an error code, whether the call or the awaited reply raises the error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest

from roomcast.adapter.redis.connection import CommandError, ConnectionLost, NotConnected, RedisConnectionError
from roomcast.contract.errors import Code, RoomcastError
from roomcast.gateway.stores.redis_port import RedisPort


class Scripted:
    """Replies to every command with the time 1.002 s, or raises `error` (in the call itself if `is_prompt`)."""

    def __init__(self, error: RedisConnectionError | None = None, *, is_prompt: bool = False) -> None:
        self._error = error
        self._is_prompt = is_prompt
        self.commands: list[tuple[Any, ...]] = []

    def script(self, name: str, keys: tuple[str, ...], args: Iterable[bytes | str | int]) -> Awaitable[Any]:
        return self._reply(name, *keys, *args)

    def command(self, name: str, key: str, *args: bytes | str | int | float) -> Awaitable[Any]:
        return self._reply(name, key, *args)

    def _reply(self, *commands: Any) -> Awaitable[Any]:
        self.commands.append(commands)
        if self._error is not None and self._is_prompt:
            raise self._error
        return self._later()

    async def _later(self) -> list[bytes]:
        if self._error is not None:
            raise self._error
        return [b"1", b"2999"]


CALLS: dict[str, Callable[[RedisPort], Awaitable[Any]]] = {
    "call": lambda port: port.call("GET", "key"),
    "script": lambda port: port.script("name", ("key",), ("argument",)),
    "now_ms": lambda port: port.now_ms("key"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("is_prompt", [True, False], ids=["at once", "later"])
@pytest.mark.parametrize(
    ("error", "code", "detail"),
    [
        (NotConnected("no link to 10.0.0.7"), Code.UNAVAILABLE, ""),
        (ConnectionLost("cut"), Code.OUTCOME_UNKNOWN, ""),
        (CommandError("OOM command not allowed when used memory > 'maxmemory'"), Code.UNAVAILABLE, "oom"),
        (RedisConnectionError("?"), Code.INTERNAL, ""),
    ],
    ids=["down", "lost", "refused", "other"],
)
async def test_each_error_of_redis_has_a_code(
    call: str, is_prompt: bool, error: RedisConnectionError, code: Code, detail: str
) -> None:
    with pytest.raises(RoomcastError) as caught:
        await CALLS[call](RedisPort(Scripted(error, is_prompt=is_prompt)))
    assert (caught.value.code, caught.value.detail) == (code, detail)


@pytest.mark.parametrize(
    ("call", "commands"),
    [("call", ("GET", "key")), ("script", ("name", "key", "argument")), ("now_ms", ("TIME", "key"))],
)
async def test_commands_and_scripts_go_to_the_server_of_their_key(call: str, commands: tuple[str, ...]) -> None:
    scripted = Scripted()
    await CALLS[call](RedisPort(scripted))
    assert scripted.commands == [commands]


async def test_now_ms_is_in_milliseconds() -> None:
    assert await RedisPort(Scripted()).now_ms("key") == 1002
