"""Run Socket.IO servers that use the adapter: in aiohttp with Roomcast's engine, and in ASGI with python-engineio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import socketio
import uvicorn
from aiohttp import web

from roomcast.adapter import RedisAdapter
from roomcast.socketio.server import create_server
from tests.servers import free_port
from tests.waiting import until


class Node:
    """One server of a cluster: `sio`, its `adapter`, its `url`, and the sessions that have connected to it."""

    def __init__(self, sio: Any, adapter: RedisAdapter, port: int) -> None:
        self.sio = sio
        self.adapter = adapter
        self.url = f"http://127.0.0.1:{port}"
        self.connected: list[str] = []

        async def connect(sid: str, environ: Any, auth: Any = None) -> None:
            self.connected.append(sid)

        for namespace in ("/", "/other"):
            sio.on("connect", connect, namespace=namespace)


@asynccontextmanager
async def aiohttp_node(url: str, name: str, **options: Any) -> AsyncIterator[Node]:
    """Run a node on `roomcast.engineio`."""
    adapter = RedisAdapter(url, node=name, **options)
    sio = create_server(node=name, client_manager=adapter)
    application = web.Application()
    sio.attach(application)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await adapter.wait_ready()
    try:
        yield Node(sio, adapter, port)
    finally:
        await sio.shutdown()
        await runner.cleanup()
        await adapter.close()


@asynccontextmanager
async def asgi_node(url: str, name: str) -> AsyncIterator[Node]:
    """Run a node on python-engineio under uvicorn, as a FastAPI application would."""
    adapter = RedisAdapter(url, node=name)
    sio = socketio.AsyncServer(async_mode="asgi", client_manager=adapter)
    port = free_port()
    settings = uvicorn.Config(socketio.ASGIApp(sio), host="127.0.0.1", port=port, log_level="error", lifespan="off")
    server = uvicorn.Server(settings)
    task = asyncio.ensure_future(server.serve())
    await until(lambda: server.started, "uvicorn listens")
    await adapter.wait_ready()
    try:
        yield Node(sio, adapter, port)
    finally:
        server.should_exit = True
        await task
        await sio.shutdown()
        await adapter.close()


class Listener:
    """A python-socketio client that records the events it receives."""

    def __init__(self, client: socketio.AsyncClient) -> None:
        self.client = client
        self.heard: list[tuple[Any, ...]] = []

    def count(self, event: str) -> int:
        """Return how many events of this name have arrived."""
        return sum(name == event for name, *_ in self.heard)

    async def wait(self, count: int, seconds: float = 5.0) -> list[tuple[Any, ...]]:
        """Return the received events once there are `count` of them. Raise TimeoutError after `seconds`."""
        deadline = asyncio.get_running_loop().time() + seconds
        while len(self.heard) < count:
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"{count} events expected, received {self.heard}")
            await asyncio.sleep(0.01)
        return self.heard


@asynccontextmanager
async def listener(node: Node, namespace: str = "/", transports: list[str] | None = None) -> AsyncIterator[Listener]:
    """Connect a client to the node; `client.get_sid(namespace)` is its session."""
    client = socketio.AsyncClient(reconnection=False)
    found = Listener(client)

    async def record(event: str, *data: Any) -> None:
        found.heard.append((event, *data))

    client.on("*", record, namespace=namespace)
    await client.connect(node.url, namespaces=[namespace], transports=transports or ["websocket"], wait_timeout=10)
    try:
        yield found
    finally:
        await client.disconnect()
