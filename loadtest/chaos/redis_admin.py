"""Send administrative commands to one Redis server, as the account in the URL (`admin` in a cluster of `deploy`)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import hiredis

from roomcast.wire import redis_url
from roomcast.wire.redis_url import RedisTarget


class RedisAway(ConnectionError):
    """Redis did not answer."""


class RedisAdmin:
    """A client that opens a connection for each call, so that a fault between two calls does not break it."""

    def __init__(self, url: str) -> None:
        self.target: RedisTarget = redis_url.parse(url)

    async def call(self, *args: str | int | bytes, seconds: float = 2.0) -> Any:
        """Return the reply. Raise RedisAway when no reply comes, and hiredis.ReplyError for an error reply."""
        [reply] = await self.pipeline([args], seconds=seconds)
        return reply

    async def pipeline(self, commands: list[tuple[str | int | bytes, ...]], seconds: float = 2.0) -> list[Any]:
        try:
            async with asyncio.timeout(seconds):
                return await self._talk(commands)
        except (OSError, TimeoutError) as error:
            raise RedisAway(str(error) or type(error).__name__) from None

    async def _talk(self, commands: list[tuple[str | int | bytes, ...]]) -> list[Any]:
        host, port = self.target.hosts[0]
        reader, writer = await asyncio.open_connection(host, port)
        try:
            login: list[tuple[str | int | bytes, ...]] = []
            if self.target.password is not None:
                login.append(("AUTH", self.target.username or "default", self.target.password))
            for command in [*login, *commands]:
                writer.write(hiredis.pack_command(cast("Any", command)))
            parser = hiredis.Reader(encoding="utf-8", errors="replace")
            replies: list[Any] = []
            while len(replies) < len(login) + len(commands):
                reply = parser.gets()
                if reply is not False:
                    replies.append(reply)
                elif data := await reader.read(65_536):
                    parser.feed(data)
                else:
                    raise RedisAway("closed")
            for reply in replies:
                if isinstance(reply, hiredis.ReplyError):
                    raise reply
            return replies[len(login) :]
        finally:
            writer.close()

    async def move(self, port: int) -> None:
        """Make Redis listen on another port; open connections stay open."""
        await self.call("CONFIG", "SET", "port", port)
        host, _ = self.target.hosts[0]
        self.target = replace(self.target, hosts=((host, port),))

    async def info(self, section: str) -> dict[str, str]:
        text = str(await self.call("INFO", section))
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)

    async def clients(self, is_wanted: Callable[[dict[str, str]], bool]) -> list[dict[str, str]]:
        """Return the rows of CLIENT LIST that `is_wanted` accepts."""
        lines = str(await self.call("CLIENT", "LIST")).splitlines()
        rows = [dict(field.split("=", 1) for field in line.split(" ") if "=" in field) for line in lines]
        return [row for row in rows if is_wanted(row)]

    async def wait_answers(self, seconds: float) -> float:
        """Wait until Redis answers PING without an error; return the time. Raise RedisAway after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                await self.call("PING", seconds=0.5)
                return time.monotonic()
            except (RedisAway, hiredis.ReplyError) as error:
                if time.monotonic() > deadline:
                    raise RedisAway(f"no answer within {seconds:g} s: {error}") from None
            await asyncio.sleep(0.02)


def is_gateways(row: dict[str, str]) -> bool:
    return row.get("name", "").startswith("roomcast-gateway")


def is_gateways_pubsub(row: dict[str, str]) -> bool:
    return is_gateways(row) and row["name"].endswith("-pubsub")
