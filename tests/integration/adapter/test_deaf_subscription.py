"""A deaf subscription: the adapter becomes unready, opens a new connection, and reads missed messages from the log."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from roomcast.adapter import RedisAdapter
from roomcast.adapter.local_members import Client
from roomcast.contract.lua import SCRIPTS
from roomcast.gateway.stores.room_log import LogStore
from tests.proxy import MutingProxy, muting_proxy
from tests.waiting import until


class Recorder:
    """A delivery that records each packet for the local members, instead of sending it."""

    outgoing = None

    def __init__(self) -> None:
        self.packets: list[bytes] = []

    def target(self, eio_sid: str) -> object:
        return self

    def send(self, clients: object, packet: bytes, attachments: object) -> None:
        self.packets.append(packet)

    async def close(self) -> None:
        pass


async def test_a_short_deafness_keeps_the_connection_and_missed_messages_are_read_from_the_log(
    redis_url: str, redis_port: int
) -> None:
    async with muting_proxy(redis_port, b"-pubsub") as proxy, joined(proxy) as (adapter, log, heard):
        await log.append("room", "u", "1", b'"n":1}')
        await until(lambda: len(heard.packets) == 1, "the message arrives")
        proxy.is_muted = True
        await log.append("room", "u", "lost", b'"n":1}')
        await until(lambda: b"canary" in proxy.swallowed, "a canary is lost")
        proxy.is_muted = False
        await until(lambda: len(heard.packets) == 2, "the lost message arrives")
        assert adapter.backplane.reconnects == 0


async def test_a_deaf_adapter_is_unready_within_five_seconds_and_loses_no_message(
    redis_url: str, redis_port: int
) -> None:
    async with muting_proxy(redis_port, b"-pubsub") as proxy, joined(proxy) as (adapter, log, heard):
        await log.append("room", "u", "1", b'"n":1}')
        await until(lambda: len(heard.packets) == 1, "the message arrives")
        await go_deaf(adapter, proxy)
        for number in range(5):
            await log.append("room", "u", f"deaf{number}", b'"n":1}')
        proxy.is_muted = False
        await until(lambda: adapter.is_ready and len(heard.packets) == 6, "the lost messages arrive", 8)
        assert [seq_of(packet) for packet in heard.packets] == [1, 2, 3, 4, 5, 6]


@asynccontextmanager
async def joined(proxy: MutingProxy) -> AsyncIterator[tuple[RedisAdapter, LogStore, Recorder]]:
    """Run an adapter behind the proxy, with one member in `room`."""
    adapter = RedisAdapter(f"redis://127.0.0.1:{proxy.port}/0", node="1", scripts=SCRIPTS)
    log = LogStore(adapter.backplane)
    heard = Recorder()
    adapter.fanout.use_delivery(heard)
    adapter.start(log)
    await adapter.wait_ready()
    adapter.members.add("/", Client("g1.sid", "eio", heard))
    channel = adapter.fanout.acquire("room")
    await channel.subscribed
    page = await log.read_before("room", 0, 10)
    assert adapter.fanout.admit("/", "g1.sid", "room", page.epoch.encode(), page.seq)
    try:
        yield adapter, log, heard
    finally:
        await adapter.close()


def seq_of(packet: bytes) -> int:
    return int(packet.partition(b'"seq":')[2].partition(b",")[0])


async def go_deaf(adapter: RedisAdapter, proxy: MutingProxy) -> None:
    """Make the proxy drop published packets, but not replies. Check that the adapter is unready within five seconds."""
    proxy.is_muted = True
    started = time.monotonic()
    await until(lambda: not adapter.is_ready, "the adapter is unready", 6)
    assert time.monotonic() - started < 5
