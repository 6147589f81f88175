"""Redis with Sentinels: a failover, and Sentinels that accept connections and close them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Final

import redis

from roomcast.adapter.redis.backplane_factory import make_backplane
from roomcast.contract import keys
from roomcast.contract.errors import RoomcastError
from roomcast.contract.lua import SCRIPTS
from roomcast.gateway.stores.room_log import LogStore, PublishReceipt
from tests import gateways
from tests.gateways import Gateway
from tests.redis_cluster import sentinel, sentinel_pair
from tests.s3 import ACCESS_KEY, SECRET_KEY, s3_server_on
from tests.servers import redis_server
from tests.sweepers_and_signers import Running, media_settings, running
from tests.waiting import until

OBSERVED_SECONDS: Final = 3.0
MAX_TRIES: Final = 60
"""Bound on the connections of three processes to the Sentinel in OBSERVED_SECONDS (without a back-off: thousands)."""


async def test_a_failover_opens_a_new_epoch(tmp_path: Path) -> None:
    with sentinel_pair(tmp_path) as (master, _, sentinels):
        hosts = ",".join(f"127.0.0.1:{port}" for port in sentinels)
        backplane = make_backplane(f"redis+sentinel://{hosts}/main", name="test", scripts=SCRIPTS)
        heard: list[bytes] = []
        backplane.start(lambda channel, data: heard.append(data))
        await backplane.wait_up()
        log = LogStore(backplane)
        try:
            await backplane.subscribe(keys.room_channel("room"))
            before = await log.append("room", "u", "1", b'"n":1}')
            redis.Redis(port=master).shutdown(nosave=True)
            after = await asyncio.wait_for(_append_until_done(log, "2"), 30)
            assert after.epoch != before.epoch
            await backplane.subscribe(keys.room_channel("room"))
            count = len(heard)
            await log.append("room", "u", "3", b'"n":1}')
            await _until_more(heard, count)
        finally:
            await backplane.close()


async def _append_until_done(log: LogStore, message_id: str) -> PublishReceipt:
    """Append under the same id again after each retryable error, like a client."""
    while True:
        try:
            return await log.append("room", "u", message_id, b'"n":1}')
        except RoomcastError as error:
            if not error.code.retryable:
                raise
            await asyncio.sleep(0.1)


async def _until_more(heard: list[bytes], count: int) -> None:
    async with asyncio.timeout(5):
        while len(heard) <= count:
            await asyncio.sleep(0.02)


class Front:
    """A proxy in front of a Sentinel. It forwards bytes. After `close_all`, it counts and closes new connections."""

    def __init__(self, sentinel_port: int) -> None:
        self._target = sentinel_port
        self._open = set[asyncio.StreamWriter]()
        self.closes_at_once = False
        self.connections = 0

    def close_all(self) -> None:
        """Close all connections, and from now on close each new connection at once."""
        self.closes_at_once = True
        for writer in self._open:
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        if self.closes_at_once:
            self.connections += 1
            writer.close()
            return
        there = await asyncio.open_connection("127.0.0.1", self._target)
        self._open |= {writer, there[1]}
        await asyncio.gather(_copy(reader, there[1]), _copy(there[0], writer))
        self._open -= {writer, there[1]}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
    writer.close()


def _is_ready(process: Gateway | Running) -> bool:
    return process.is_ready


async def test_every_process_keeps_running_when_sentinels_close_each_connection(tmp_path: Path) -> None:
    """Each process becomes unready, retries with a back-off, and recovers. No process may log a traceback."""
    homes = [tmp_path / name for name in ("redis", "sentinel", "s3")]
    for home in homes:
        home.mkdir()
    with (
        redis_server(homes[0]) as master,
        sentinel(homes[1], master, 1) as good,
        s3_server_on(homes[2]) as storage,
        redis.Redis(port=master) as admin,
    ):
        front = Front(good)
        server = await asyncio.start_server(front.serve, "127.0.0.1", 0)
        url = f"redis+sentinel://127.0.0.1:{server.sockets[0].getsockname()[1]}/main"
        media = media_settings(url, storage.endpoint) | {
            "ROOMCAST_S3_SETUP": "1",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }
        with (
            gateways.gateway(tmp_path, url, is_ready=False) as gateway,
            running("presence", tmp_path, ROOMCAST_REDIS_URL=url) as presence,
            running("media", tmp_path, **media) as signer,
        ):
            processes: dict[str, Gateway | Running] = {"gateway": gateway, "presence": presence, "media": signer}

            async def ready() -> set[str]:
                states = await asyncio.gather(*(asyncio.to_thread(_is_ready, one) for one in processes.values()))
                return {name for name, state in zip(processes, states, strict=True) if state}

            async def all_ready() -> bool:
                return await ready() == {*processes}

            async def none_ready() -> bool:
                return await ready() == set()

            await until(all_ready, "all processes are ready", 30)
            front.close_all()
            for kind in ("normal", "pubsub"):
                admin.execute_command(f"CLIENT KILL TYPE {kind} SKIPME yes")
            await until(none_ready, "no process is ready", 15)
            before = front.connections
            await asyncio.sleep(OBSERVED_SECONDS)
            assert 0 < front.connections - before < MAX_TRIES
            assert await none_ready()
            assert [one.process.poll() for one in processes.values()] == [None] * 3
            front.closes_at_once = False
            await until(all_ready, "all processes are ready again", 30)
        server.close()
