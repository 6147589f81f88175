"""Commands that a Redis Cluster refuses for a moment, with a fake server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roomcast.adapter.redis import cluster_backplane
from roomcast.adapter.redis.cluster_backplane import ClusterBackplane
from roomcast.adapter.redis.connection import CommandError
from roomcast.wire.redis_url import parse

TRIES = 8


class Server:
    """The owner of every slot. It refuses the first `refusals` commands with TRYAGAIN."""

    def __init__(self, refusals: int) -> None:
        self._refusals = refusals
        self.replies: list[asyncio.Future[Any]] = []

    def call(self, *args: Any) -> asyncio.Future[Any]:
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if len(self.replies) < self._refusals:
            reply.set_exception(CommandError("TRYAGAIN Multiple keys request during rehashing of slot"))
        else:
            reply.set_result(b"OK")
        self.replies.append(reply)
        return reply


def backplane_on(server: Server, monkeypatch: pytest.MonkeyPatch) -> ClusterBackplane:
    monkeypatch.setattr(cluster_backplane, "_RETRY_SECONDS", 0.0)
    made = ClusterBackplane(parse("redis+cluster://127.0.0.1:1"), name="test")
    monkeypatch.setattr(made, "_server", lambda key: server)
    return made


@pytest.mark.parametrize("refusals", [0, 1, TRIES - 1])
async def test_a_command_that_is_refused_for_a_moment_is_sent_again(
    refusals: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(refusals)
    assert await backplane_on(server, monkeypatch).command("SET", "key", "value") == b"OK"
    assert len(server.replies) == refusals + 1


async def test_the_reply_of_every_command_that_was_sent_is_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a command could run although its caller has got the error of a command that was not sent."""
    server = Server(TRIES)
    with pytest.raises(CommandError, match="TRYAGAIN"):
        await backplane_on(server, monkeypatch).command("SET", "key", "value")
    assert len(server.replies) == TRIES
