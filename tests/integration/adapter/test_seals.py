"""Processes with a cluster key accept packets only from each other, on every kind of channel."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from roomcast.adapter import RedisAdapter
from tests.servers import redis_server
from tests.socketio_nodes import Node, aiohttp_node, listener
from tests.waiting import until

KEY, NEXT_KEY = "the key of the nodes: 32 bytes or more", "the next key of the nodes: 32 bytes"


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    with redis_server(tmp_path) as port:
        yield f"redis://127.0.0.1:{port}/0"


async def nodes(stack: AsyncExitStack, url: str, *keys: tuple[str, ...]) -> list[Node]:
    """Start one node for each set of keys."""
    started = []
    for number, cluster_keys in enumerate(keys, start=1):
        started.append(await stack.enter_async_context(aiohttp_node(url, str(number), cluster_keys=cluster_keys)))
    return started


async def test_nodes_accept_each_others_packets_during_a_key_rotation(url: str) -> None:
    async with AsyncExitStack() as stack:
        one, two = await nodes(stack, url, (KEY, NEXT_KEY), (NEXT_KEY, KEY))
        client = await stack.enter_async_context(listener(one))
        sid = one.connected[0]
        answers: list[Any] = []

        async def on_question(data: Any) -> str:
            return f"yes, {data}"

        client.client.on("question", on_question)
        await two.sio.enter_room(sid, "room")
        await until(lambda: one.adapter.members.has_room("room"), "the session has entered the room")
        await two.sio.emit("to the room", room="room")
        await two.sio.emit("to the session", room=sid)
        await two.sio.emit("to all")
        await two.sio.emit("question", 7, room=sid, callback=answers.append)
        heard = await client.wait(3)
        assert {event for event, *_ in heard} >= {"to the room", "to the session", "to all"}
        await until(lambda: answers == ["yes, 7"], "the ack comes back")
        await two.sio.disconnect(sid)
        await until(lambda: not one.adapter.members.everyone("/"), "the session is disconnected")


async def test_packets_of_a_process_with_another_key_or_no_key_are_dropped(url: str) -> None:
    async with AsyncExitStack() as stack:
        (node,) = await nodes(stack, url, (KEY,))
        client = await stack.enter_async_context(listener(node))
        sid = node.connected[0]
        await node.sio.enter_room(sid, "room")
        for cluster_keys in ((), (NEXT_KEY,)):
            stranger = RedisAdapter(url, cluster_keys=cluster_keys)
            try:
                for room in ("room", sid, None):
                    await stranger.emit("forged", {}, "/", room=room)
                await stranger.close_room("room", "/")
            finally:
                await stranger.close()
        await node.sio.emit("true", room="room")
        assert await client.wait(1) == [("true",)]
        assert node.adapter.is_ready
