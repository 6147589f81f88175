"""Every error of Redis becomes an error code, whether it is raised by the call or by the awaited answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest

from roomcast.adapter.redis.connection import CommandError, ConnectionLost, NotConnected, RedisConnectionError
from roomcast.contract.errors import Code, RoomcastError
from roomcast.gateway.stores.redis_port import RedisPort


class Scripted:
    """Answers every command with the time 1.002 s, or raises one error: in the call, or when the answer is awaited."""

    def __init__(self, error: RedisConnectionError | None = None, *, is_prompt: bool = False) -> None:
        self._error = error
        self._is_prompt = is_prompt
        self.asked: list[tuple[Any, ...]] = []

    def script(self, name: str, keys: tuple[str, ...], args: Iterable[bytes | str | int]) -> Awaitable[Any]:
        return self._answer(name, *keys, *args)

    def command(self, name: str, key: str, *args: bytes | str | int | float) -> Awaitable[Any]:
        return self._answer(name, key, *args)

    def _answer(self, *asked: Any) -> Awaitable[Any]:
        self.asked.append(asked)
        if self._error is not None and self._is_prompt:
            raise self._error
        return self._later()

    async def _later(self) -> list[bytes]:
        if self._error is not None:
            raise self._error
        return [b"1", b"2999"]


WAYS: dict[str, Callable[[RedisPort], Awaitable[Any]]] = {
    "call": lambda port: port.call("GET", "key"),
    "script": lambda port: port.script("name", ("key",), ("argument",)),
    "now_ms": lambda port: port.now_ms("key"),
}


@pytest.mark.parametrize("way", WAYS)
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
    way: str, is_prompt: bool, error: RedisConnectionError, code: Code, detail: str
) -> None:
    with pytest.raises(RoomcastError) as caught:
        await WAYS[way](RedisPort(Scripted(error, is_prompt=is_prompt)))
    assert (caught.value.code, caught.value.detail) == (code, detail)


@pytest.mark.parametrize(
    ("way", "asked"),
    [("call", ("GET", "key")), ("script", ("name", "key", "argument")), ("now_ms", ("TIME", "key"))],
)
async def test_commands_and_scripts_go_to_the_server_of_their_key(way: str, asked: tuple[str, ...]) -> None:
    scripted = Scripted()
    await WAYS[way](RedisPort(scripted))
    assert scripted.asked == [asked]


async def test_the_clock_is_in_milliseconds() -> None:
    assert await RedisPort(Scripted()).now_ms("key") == 1002
