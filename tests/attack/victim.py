"""The attacked gateway, checks of its health after an attack, and connections that break the rules."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import psutil

from roomcast.engineio.websocket.rfc6455 import CLOSE, TEXT
from tests.gateways import Clients, Gateway, token, unique
from tests.waiting import until
from tests.websocket_frames import masked

CLOSED_WITHIN_SECONDS = 15.0
MEMORY_MARGIN_BYTES = 20_000_000
"""Allowed growth of each gateway's memory after an attack. A gateway collects garbage after a growth of 16.8 MB."""


class Victim:
    """The attacked gateway and its process. Behind nginx, these are all gateways of the cluster."""

    def __init__(self, gateway: Gateway, *others: Gateway) -> None:
        self.gateway = gateway
        self._all = (gateway, *others)
        self._processes = [psutil.Process(one.process.pid) for one in self._all]

    @property
    def is_behind_nginx(self) -> bool:
        """Tell whether clients connect through nginx. Nginx keeps idle connections to gateways open."""
        return len(self._all) > 1

    @property
    def process(self) -> psutil.Process:
        """The process of the first gateway."""
        return self._processes[0]

    @property
    def memory(self) -> int:
        """The resident memory of all gateways, in bytes."""
        return sum(int(process.memory_info().rss) for process in self._processes)

    def metric(self, line: str) -> float:
        """Return the value of a metric, summed over all gateways."""
        return sum(one.metric(line) for one in self._all)

    def said(self) -> str:
        """Return the logs of all gateways."""
        return "".join(one.said() for one in self._all)

    @property
    def long_turns(self) -> float:
        """The number of turns of the event loops that took more than 50 ms of CPU time."""
        name, count = "roomcast_gateway_loop_busy_seconds", 0.0
        for one in self._all:
            rows = dict(row.rsplit(" ", 1) for row in one.get("/metrics")[1].splitlines() if row[:1] != "#")
            count += float(rows[f"{name}_count"]) - float(rows[f'{name}_bucket{{le="0.05"}}'])
        return count

    async def is_idle(self) -> bool:
        """Tell whether each gateway uses less than a tenth of a core over half a second."""
        before = [sum(process.cpu_times()[:2]) for process in self._processes]
        await asyncio.sleep(0.5)
        now = [sum(process.cpu_times()[:2]) for process in self._processes]
        return all(after - start < 0.05 for start, after in zip(before, now, strict=True))

    async def assert_well(self, memory_before: int) -> None:
        """Wait until the gateways are idle and back at their earlier memory; check that they are ready."""
        deadline = time.monotonic() + 30
        while not await self.is_idle():
            assert time.monotonic() < deadline, "still busy"
        while self.memory > memory_before + MEMORY_MARGIN_BYTES * len(self._processes):
            assert time.monotonic() < deadline, f"{(self.memory - memory_before) / 1e6:.0f} MB more than before"
            await asyncio.sleep(0.2)
        for one in self._all:
            assert one.is_ready
            one.check_log()


@asynccontextmanager
async def conversation(victim: Victim, clients: Clients) -> AsyncIterator[None]:
    """Let two users exchange messages during the `with` block; check that all are acked and arrive in order."""
    ada, bob = await clients(victim.gateway, unique("ada")), await clients(victim.gateway, unique("bob"))
    room = unique("public:talk")
    for person in (ada, bob):
        await person.join(room)
    over = asyncio.Event()

    async def talk() -> int:
        count = 0
        while not over.is_set() or not count:
            count += 1
            await ada.send(room, f"message {count}")
            await bob.expect_text(f"message {count}")
            await asyncio.sleep(0.02)
        return count

    talking = asyncio.ensure_future(talk())
    try:
        yield
    finally:
        over.set()
        count = await asyncio.wait_for(talking, 10)
    assert bob.texts(room) == [f"message {number}" for number in range(1, count + 1)]


class Stranger(asyncio.Protocol):
    """A TCP connection to the gateway. `received` keeps all received bytes, also after a reset."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.is_closed = False
        self._transport: asyncio.Transport | None = None
        self._can_write = True

    @classmethod
    async def connect(cls, victim: Victim) -> Stranger:
        """Open a TCP connection; send no bytes."""
        loop = asyncio.get_running_loop()
        _, stranger = await loop.create_connection(cls, "127.0.0.1", victim.gateway.port)
        return stranger

    @classmethod
    async def open_websocket(cls, victim: Victim, *headers: str) -> Stranger:
        """Open an Engine.IO session by WebSocket."""
        stranger = await cls.connect(victim)
        stranger.write(opening(*headers))
        await stranger.until(b"\r\n\r\n")
        assert stranger.received.startswith(b"HTTP/1.1 101 "), bytes(stranger.received)
        return stranger

    async def sign_in(self, user: str) -> None:
        """Send a CONNECT with a token; wait for the `ready` event."""
        self.write(masked(TEXT, b"40" + json.dumps({"token": token(user)}).encode()))
        await self.until(b'"ready"')

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_closed = True

    def data_received(self, data: bytes) -> None:
        self.received += data

    def pause_writing(self) -> None:
        self._can_write = False

    def resume_writing(self) -> None:
        self._can_write = True

    def write(self, data: bytes) -> None:
        """Write the bytes, unless the connection has ended."""
        if self._transport is not None and not self.is_closed:
            self._transport.write(data)

    async def until(self, text: bytes) -> None:
        """Wait until the received bytes contain this text."""
        await until(lambda: text in self.received, f"{text!r} arrives", CLOSED_WITHIN_SECONDS)

    async def flood(self, data: bytes, seconds: float = 8.0, most_bytes: int = 20_000_000) -> None:
        """Write `data` repeatedly until the connection ends, or for `seconds`, or up to `most_bytes`."""
        ends, sent = time.monotonic() + seconds, 0
        while time.monotonic() < ends and sent < most_bytes and not self.is_closed:
            if self._can_write:
                self.write(data)
                sent += len(data)
            await asyncio.sleep(0 if self._can_write else 0.005)

    async def until_closed(self, seconds: float = CLOSED_WITHIN_SECONDS) -> bytes:
        """Wait until the connection is closed; return all received bytes. Raises TimeoutError after `seconds`."""
        await until(lambda: self.is_closed, "the connection is closed", seconds)
        return bytes(self.received)

    async def close_code(self) -> int:
        """Wait until the connection is closed; return the code of the CLOSE frame, or 0 if there was none."""
        data = await self.until_closed()
        at = data.rfind(bytes((0x80 | CLOSE, 2)))
        return 0 if at < 0 else int.from_bytes(data[at + 2 : at + 4], "big")

    def drop(self) -> None:
        """Reset the connection."""
        if self._transport is not None and not self.is_closed:
            self._transport.abort()


def opening(*headers: str, target: str = "/socket.io/?EIO=4&transport=websocket") -> bytes:
    """Return the request that opens a WebSocket session, with `headers` as additional lines after the default ones."""
    lines = {
        "Host": "Host: chat.example",
        "Connection": "Connection: Upgrade",
        "Upgrade": "Upgrade: websocket",
        "Sec-WebSocket-Version": "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key": f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
    }
    more = [header for header in headers if header]
    return "\r\n".join((f"GET {target} HTTP/1.1", *lines.values(), *more, "", "")).encode()


async def said(victim: Victim, text: str) -> None:
    """Wait until the gateway has logged this text."""
    await until(lambda: text in victim.said(), f"the log says {text!r}")
