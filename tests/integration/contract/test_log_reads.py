"""Reading the room log: a crowd that comes back to one room at once costs Redis a few reads, not one each."""

from __future__ import annotations

import asyncio

from redis import Redis as SyncRedis

from roomcast.gateway.stores.log import LogStore
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


async def test_a_read_sees_what_was_acked_before_it_was_asked_for(redis_url: str) -> None:
    async with running_backplane(redis_url) as backplane:
        log = LogStore(backplane)

        async def write_and_read(number: int) -> bool:
            receipt = await log.append("public:talk", "ada", f"m{number}", b'"kind":"text"}')
            return (await log.read_before("public:talk", 0, 10)).seq >= receipt.seq

        assert all(await asyncio.gather(*(write_and_read(number) for number in range(500))))
