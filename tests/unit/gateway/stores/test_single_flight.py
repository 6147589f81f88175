"""Shared reads: no result is older than the question, and only the callers that shared a read get its error."""

from __future__ import annotations

import asyncio

import pytest

from roomcast.gateway.stores.single_flight import SingleFlight


class Reads:
    """Reads that the test ends; each returns its number."""

    def __init__(self) -> None:
        self.begun: list[asyncio.Future[int]] = []

    async def begin(self) -> int:
        self.begun.append(asyncio.get_running_loop().create_future())
        return await self.begun[-1]


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_callers_that_ask_during_a_read_share_the_next_read() -> None:
    flights, reads = SingleFlight[int](), Reads()
    first = asyncio.ensure_future(flights.read("k", reads.begin))
    await settled()
    later = [asyncio.ensure_future(flights.read("k", reads.begin)) for _ in range(100)]
    await settled()
    assert len(reads.begun) == 1
    reads.begun[0].set_result(1)
    await settled()
    assert first.result() == 1
    assert len(reads.begun) == 2
    assert not any(task.done() for task in later)
    reads.begun[1].set_result(2)
    assert await asyncio.gather(*later) == [2] * 100


async def test_reads_of_other_keys_do_not_wait() -> None:
    flights, reads = SingleFlight[int](), Reads()
    tasks = [asyncio.ensure_future(flights.read(key, reads.begin)) for key in "ab"]
    await settled()
    assert len(reads.begun) == 2
    for number, read in enumerate(reads.begun):
        read.set_result(number)
    assert await asyncio.gather(*tasks) == [0, 1]


async def test_a_failed_read_fails_only_the_callers_that_shared_it() -> None:
    flights, reads = SingleFlight[int](), Reads()
    first = asyncio.ensure_future(flights.read("k", reads.begin))
    await settled()
    second = [asyncio.ensure_future(flights.read("k", reads.begin)) for _ in range(3)]
    await settled()
    reads.begun[0].set_exception(OSError("gone"))
    await settled()
    third = asyncio.ensure_future(flights.read("k", reads.begin))
    await settled()
    reads.begun[1].set_exception(OSError("still gone"))
    await settled()
    reads.begun[2].set_result(3)
    with pytest.raises(OSError, match=r"^gone"):
        await first
    for task in second:
        with pytest.raises(OSError, match="still gone"):
            await task
    assert await third == 3


async def test_cancelled_callers_do_not_cancel_the_shared_read() -> None:
    flights, reads = SingleFlight[int](), Reads()
    first = asyncio.ensure_future(flights.read("k", reads.begin))
    await settled()
    second = asyncio.ensure_future(flights.read("k", reads.begin))
    third = asyncio.ensure_future(flights.read("k", reads.begin))
    await settled()
    first.cancel()
    second.cancel()
    await settled()
    assert len(reads.begun) == 2
    reads.begun[1].set_result(7)
    assert await third == 7


async def test_a_key_without_reads_is_forgotten() -> None:
    flights, reads = SingleFlight[int](), Reads()
    for number in range(3):
        task = asyncio.ensure_future(flights.read("k", reads.begin))
        await settled()
        reads.begun[number].set_result(number)
        assert await task == number
    assert not flights._waiting
