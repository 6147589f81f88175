"""The adapter behind Sentinels: after a failover it writes to the new master, in a new epoch, and hears again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import redis

from roomcast.adapter.redis.backplanes import make_backplane
from roomcast.contract import keys
from roomcast.contract.errors import RoomcastError
from roomcast.contract.lua import SCRIPTS
from roomcast.gateway.stores.log import LogStore, PublishReceipt
from tests.redis_cluster import sentinel_pair


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
    """Resend the same id on every retryable refusal, as clients do."""
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
