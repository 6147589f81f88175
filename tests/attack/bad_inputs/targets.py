"""The two routes to a cluster under attack (direct, and through nginx), and checks of the cluster's health."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple
from uuid import uuid4

import aiohttp
import psutil

from deploy.cluster import Cluster
from roomcast.contract.tokens import sign
from tests.gateways import Client, Json, Raw, unique
from tests.waiting import until

MARK: Final = "zanzibar"
"""A word that every text of these tests contains. A log line with this word repeats a user's text."""

MEMORY_MARGIN_BYTES: Final = 20_000_000
"""Growth of a process's memory that is allowed after an attack."""
IDLE_SHARE: Final = 0.01
"""A process that uses a smaller share of a core is idle."""
IDLE_SECONDS: Final = 4.0
RECOVERY_SECONDS: Final = 30.0
CONNECT_SECONDS: Final = 2.0
PENDING_PER_ADDRESS: Final = 60
"""Sessions without a CONNECT that one address may have at a time."""
BODY_SECONDS: Final = 3.0
"""Time limit for the body of a POST, in seconds: the ping timeout of SETTINGS, because it is shorter than 20 s."""

SETTINGS: Final = {
    "ROOMCAST_CONNECT_SECONDS": f"{CONNECT_SECONDS:g}",
    "ROOMCAST_PENDING_PER_ADDRESS": str(PENDING_PER_ADDRESS),
    "ROOMCAST_PING_TIMEOUT_SECONDS": f"{BODY_SECONDS:g}",
    "ROOMCAST_TRUSTED_PROXIES": "127.0.0.1/32",
}
"""Environment of the attacked cluster. It trusts only nginx's address as a proxy; attackers use others."""

OWN_PROCESSES: Final = ("gateway1", "gateway2", "sweeper1", "signer1")
_SECRET_WORDS: Final = (MARK, "eyJ")
"""Texts that no log may contain: MARK, and the first three letters of every JSON Web Token."""


class Target(NamedTuple):
    """One route to the gateways of a cluster."""

    name: str
    url: str
    cluster: Cluster

    def token(self, user: str, **claims: Any) -> str:
        """Return a token, signed with the cluster's secret. The user may create any room, unless `create` is given."""
        return sign(self.cluster.jwt_secret, user, **{"create": ["*"], **claims})

    async def client(self, user: str, **claims: Any) -> Client:
        """Connect and sign in a client."""
        client = Client(user)
        await client.connect(self.url, self.token(user, **claims))
        return client

    @asynccontextmanager
    async def raw(self, user: str = "", *, source: str = "127.0.0.1", **claims: Any) -> AsyncIterator[Raw]:
        """Open a raw WebSocket from the address `source`. Sign in if `user` is not empty."""
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(source, 0))) as http,
            http.ws_connect(f"{self.url}/socket.io/?EIO=4&transport=websocket", max_msg_size=0) as socket,
        ):
            opened = await socket.receive_str(timeout=20.0)
            assert opened.startswith("0{"), opened
            raw = Raw(socket)
            if user:
                await raw.send("40" + json.dumps({"token": self.token(user, **claims)}))
                await raw.until(lambda frame: frame.startswith("42") and '"ready"' in frame)
            yield raw


def targets_of(cluster: Cluster) -> dict[str, Target]:
    """Return both routes: to gateway 1 directly, and through nginx."""
    direct, nginx = cluster.ports.gateway(1), cluster.ports.page
    return {
        "direct": Target("direct", f"http://127.0.0.1:{direct}", cluster),
        "nginx": Target("nginx", f"http://127.0.0.1:{nginx}", cluster),
    }


class Conversation:
    """Two users who connected before an attack and must still exchange messages on the same connections."""

    def __init__(self, people: list[Client], room: str) -> None:
        self._people = people
        self._room = room
        self._count = 0

    async def talk(self) -> None:
        """Send a message in each direction; check that each is acked and arrives within the time limit of `Client`."""
        for sender, receiver in (self._people, self._people[::-1]):
            self._count += 1
            text = f"{MARK} {self._count}"
            await sender.send(self._room, text)
            await receiver.expect_text(text)


@asynccontextmanager
async def conversation(target: Target) -> AsyncIterator[Conversation]:
    """Connect two users, one through nginx; let them exchange messages before and after the `with` block."""
    room = unique("public:talk")
    routes = targets_of(target.cluster)
    people = [await routes[name].client(unique("bystander")) for name in ("direct", "nginx")]
    for person in people:
        await person.join(room)
    talk = Conversation(people, room)
    await talk.talk()
    try:
        yield talk
        await talk.talk()
    finally:
        await asyncio.gather(*(person.close() for person in people))


class Health:
    """The processes of a cluster, and the memory of each before an attack."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        pids = cluster.pids()
        self._processes = {name: psutil.Process(pids[name]) for name in OWN_PROCESSES}
        self._memory = self.memory()

    def memory(self) -> dict[str, int]:
        """Return the resident memory of each process, in bytes. Raises NoSuchProcess if a process has ended."""
        return {name: process.memory_info().rss for name, process in self._processes.items()}

    async def assert_memory_is_back(self) -> None:
        """Wait until the memory of each process is within MEMORY_MARGIN_BYTES of its earlier value."""

        def is_back() -> bool:
            return all(held < self._memory[name] + MEMORY_MARGIN_BYTES for name, held in self.memory().items())

        await until(is_back, f"each process is back at its memory of {self._memory}", RECOVERY_SECONDS)

    async def assert_idle(self) -> None:
        """Wait until each process uses less than 1 % of a core over four seconds."""
        ends = time.monotonic() + RECOVERY_SECONDS
        while busy := await self._busy():
            assert time.monotonic() < ends, f"processes are still busy: {busy}"

    async def _busy(self) -> dict[str, float]:
        before = {name: sum(process.cpu_times()[:2]) for name, process in self._processes.items()}
        await asyncio.sleep(IDLE_SECONDS)
        shares = {
            name: (sum(process.cpu_times()[:2]) - before[name]) / IDLE_SECONDS
            for name, process in self._processes.items()
        }
        return {name: share for name, share in shares.items() if share >= IDLE_SHARE}

    def assert_logs_are_clean(self) -> None:
        """Check that no process has logged a traceback, a token or a user's text."""
        for name in (*OWN_PROCESSES, "nginx", "redis"):
            log = self._cluster.log(name)
            at = log.find("Traceback")
            assert at < 0, f"{name}: {log[max(0, at - 200) : at + 3_000]}"
            assert not [line for line in log.splitlines() if any(word in line for word in _SECRET_WORDS)], name


def event(name: str, payload: Any, number: int = 1) -> str:
    """Return the frame of an event that requests an ack under the id `number`."""
    return f"42{number}" + json.dumps([name, payload])


async def answer(raw: Raw, name: str, payload: Any, number: int = 1) -> Json:
    """Send an event and return its ack."""
    await raw.send(event(name, payload, number))
    return await raw.ack(number)


def message(room: str, **more: Any) -> Json:
    """Return the payload of a `message:send` whose text contains MARK."""
    return {"room": room, "id": uuid4().hex, "text": f"{MARK} {uuid4().hex}", **more}
