"""The SDK on a real cluster that loses connections and gateways: the SDK shows no gap, and all its messages arrive."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from deploy.cluster import Cluster
from roomcast.contract.backend import Backend

SCRIPT = Path(__file__).with_name("client") / "sdk.mjs"
SECONDS = 60.0
BREAK_MS = 700
"""Milliseconds between two breaks of the client's connections."""
ROUNDS = 8
PER_ROUND = 120
MISSED = 1_100
FREEZE_SECONDS = 16.0
"""Seconds for which Redis is paused: longer than six attempts to send one message."""
OWN = 40


class Sdk:
    """The SDK in a Node process of its own; `client/sdk.mjs` documents the lines that it reads and prints."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, cluster: Cluster, folder: Path, room: str, transports: str, break_ms: int = BREAK_MS) -> Self:
        """Start a client that joins `room` and loses its connections every `break_ms`."""
        script = folder / SCRIPT.name
        script.write_text(SCRIPT.read_text())
        token = Backend.sign(cluster.jwt_secret, f"sdk-{uuid4().hex[:6]}", name="Sdk")
        process = await asyncio.create_subprocess_exec(
            *("node", str(script), cluster.url, token, room, transports, str(break_ms)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        return cls(process)

    async def order(self, **line: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line).encode() + b"\n")
        await self._process.stdin.drain()

    async def until(self, key: str, value: object = None) -> dict[str, Any]:
        """Return the next printed line that has this key (and this value, unless None)."""
        assert self._process.stdout is not None
        async with asyncio.timeout(SECONDS):
            while text := await self._process.stdout.readline():
                line: dict[str, Any] = json.loads(text)
                if key in line and value in (None, line[key]):
                    return line
        raise AssertionError(f"the client ended before {key}")

    async def close(self) -> int:
        """Close the input of the process and return its exit code."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(SECONDS):
            return await self._process.wait()

    def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()


@pytest.fixture
async def backend(cluster: Cluster) -> AsyncIterator[Backend]:
    async with Redis.from_url(cluster.redis_url("backend")) as redis:
        yield Backend(redis)


async def publish(backend: Backend, room: str, count: int) -> int:
    """Publish messages one after the other; return the seq of the last one."""
    seq = 0
    for number in range(count):
        seq = (await backend.publish(room, "ops", f"message {number}", kind="text")).seq
    return seq


@pytest.mark.parametrize("transports", ["websocket", "polling", "websocket,polling", "polling,websocket"])
async def test_the_sdk_shows_no_gap_and_no_duplicate(
    cluster: Cluster, backend: Backend, sdk_folder: Path, transports: str
) -> None:
    room = f"public:sdk-{uuid4().hex[:6]}"
    first = await publish(backend, room, 1)
    sdk = await Sdk.start(cluster, sdk_folder, room, transports)
    try:
        await sdk.until("phase", "joined")
        for number in range(ROUNDS):
            await publish(backend, room, PER_ROUND)
            await sdk.order(send=f"own {number}")
            await sdk.until("sent")
        await sdk.order(away=True)
        await publish(backend, room, MISSED)
        await sdk.order(away=False)
        killed = cluster.kill("gateway1", signal.SIGKILL)
        await publish(backend, room, PER_ROUND)
        await asyncio.to_thread(cluster.wait_replaced, "gateway1", killed)
        drained = cluster.kill("gateway2", signal.SIGTERM)
        last = await publish(backend, room, PER_ROUND)
        await asyncio.to_thread(cluster.wait_replaced, "gateway2", drained)
        await sdk.order(until=last)
        seen = await sdk.until("count")
        assert await sdk.close() == 0
    finally:
        sdk.kill()
    expected = {"first": first, "last": last, "count": last - first + 1, "gaps": 0, "duplicates": 0, "unsent": 0}
    assert {key: seen[key] for key in expected} == expected
    assert seen["cut"] is False
    assert seen["connects"] > ROUNDS / 2


async def test_each_message_of_the_sdk_arrives_once_and_in_order(
    cluster: Cluster, backend: Backend, sdk_folder: Path
) -> None:
    room = f"public:sdk-{uuid4().hex[:6]}"
    await publish(backend, room, 1)
    sdk = await Sdk.start(cluster, sdk_folder, room, "websocket,polling")
    try:
        await sdk.until("phase", "joined")
        for number in range(OWN):
            await sdk.order(send=f"own {number}")
            await asyncio.sleep(BREAK_MS / 1000 / 10)
        reports = [await sdk.until("sent") for _ in range(OWN)]
        assert await sdk.close() == 0
    finally:
        sdk.kill()
    assert {report["text"]: report["sent"] for report in reports} == {f"own {n}": n + 2 for n in range(OWN)}


async def test_messages_sent_while_redis_is_paused_arrive_afterwards(
    cluster: Cluster, backend: Backend, sdk_folder: Path
) -> None:
    room = f"public:sdk-{uuid4().hex[:6]}"
    sdk = await Sdk.start(cluster, sdk_folder, room, "websocket,polling", break_ms=1_000_000)
    redis = cluster.pids()["redis"]
    try:
        await sdk.until("phase", "joined")
        os.kill(redis, signal.SIGSTOP)
        for number in range(3):
            await sdk.order(send=f"own {number}")
        await asyncio.sleep(FREEZE_SECONDS)
        os.kill(redis, signal.SIGCONT)
        reports = [await sdk.until("sent") for _ in range(3)]
        await sdk.order(until=3)
        seen = await sdk.until("count")
        assert await sdk.close() == 0
    finally:
        os.kill(redis, signal.SIGCONT)
        sdk.kill()
    assert sorted(report["text"] for report in reports) == ["own 0", "own 1", "own 2"]
    assert sorted(report["sent"] for report in reports) == [1, 2, 3]
    assert (seen["last"], seen["count"], seen["unsent"]) == (3, 3, 0)
