"""Reads of the room log: concurrent readers of the same page share a few scripts, and reads create no room."""

from __future__ import annotations

import asyncio

from redis import Redis as SyncRedis

from roomcast.contract.keys import room_meta
from roomcast.gateway.stores.room_log import LogStore
from tests.backplanes import running_backplane


def scripts_run(url: str) -> int:
    with SyncRedis.from_url(url) as redis:
        found = redis.info("commandstats")
    return sum(int(found.get(f"cmdstat_{name}", {"calls": 0})["calls"]) for name in ("eval", "evalsha"))


async def test_a_thousand_readers_of_one_page_share_a_few_reads(redis_url: str) -> None:
    async with running_backplane(redis_url) as backplane:
        log = LogStore(backplane)
        for number in range(30):
            await log.append("public:talk", "ada", f"m{number}", b'"kind":"text"}')
        before = scripts_run(redis_url)

        pages = await asyncio.gather(*(log.read_after("public:talk", 10, 100) for _ in range(1000)))

        assert scripts_run(redis_url) - before <= 5
        assert all(page.seq == 30 and len(page.entries) == 20 for page in pages)


async def test_a_read_sees_every_message_acked_before_the_read_began(redis_url: str) -> None:
    async with running_backplane(redis_url) as backplane:
        log = LogStore(backplane)

        async def write_and_read(number: int) -> bool:
            receipt = await log.append("public:talk", "ada", f"m{number}", b'"kind":"text"}')
            return (await log.read_before("public:talk", 0, 10)).seq >= receipt.seq

        assert all(await asyncio.gather(*(write_and_read(number) for number in range(500))))


async def test_a_gateway_that_reads_a_deleted_room_does_not_create_it_again(redis_url: str) -> None:
    """A gateway reads logs to compare positions and to fill gaps. Such a read must not create a deleted room again."""
    async with running_backplane(redis_url) as backplane:
        log = LogStore(backplane)
        await log.append("team:kept", "ada", "m", b'"kind":"text"}')
        positions = await log.positions(["team:kept", "team:closed"])
        gone = await log.page("team:closed", 3)
    assert [(room, seq) for room, (_, seq) in positions.items()] == [("team:kept", 1)]
    assert (gone.epoch, gone.seq, gone.first, gone.packets) == (b"", 0, 1, [])
    with SyncRedis.from_url(redis_url) as redis:
        assert redis.exists(room_meta("team:kept"))
        assert not redis.exists(room_meta("team:closed"))
