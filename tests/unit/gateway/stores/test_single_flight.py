"""Callers share reads. No caller gets a result of a read that began before its call, or the error of another read."""

from __future__ import annotations

import asyncio

import pytest

from roomcast.gateway.stores.single_flight import SingleFlight


class Reads:
    """Reads whose results the test sets."""

    def __init__(self) -> None:
        self.begun: list[asyncio.Future[int]] = []

    async def begin(self) -> int:
        self.begun.append(asyncio.get_running_loop().create_future())
        return await self.begun[-1]


async def run_loop() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_callers_that_arrive_during_a_read_share_the_next_read() -> None:
    flights, reads = SingleFlight[int](), Reads()
    first = asyncio.ensure_future(flights.read("k", reads.begin))
    await run_loop()
    later = [asyncio.ensure_future(flights.read("k", reads.begin)) for _ in range(100)]
    await run_loop()
    assert len(reads.begun) == 1
    reads.begun[0].set_result(1)
    await run_loop()
    assert first.result() == 1
    assert len(reads.begun) == 2
    assert not any(task.done() for task in later)
    reads.begun[1].set_result(2)
    assert await asyncio.gather(*later) == [2] * 100


async def test_reads_of_different_keys_do_not_wait_for_each_other() -> None:
    flights, reads = SingleFlight[int](), Reads()
    tasks = [asyncio.ensure_future(flights.read(key, reads.begin)) for key in "ab"]
    await run_loop()
    assert len(reads.begun) == 2
    for number, read in enumerate(reads.begun):
        read.set_result(number)
    assert await asyncio.gather(*tasks) == [0, 1]


async def test_a_failed_read_fails_only_the_callers_that_shared_it() -> None:
    flights, reads = SingleFlight[int](), Reads()
    first = asyncio.ensure_future(flights.read("k", reads.begin))
    await run_loop()
    second = [asyncio.ensure_future(flights.read("k", reads.begin)) for _ in range(3)]
    await run_loop()
    reads.begun[0].set_exception(OSError("gone"))
    await run_loop()
    third = asyncio.ensure_future(flights.read("k", reads.begin))
    await run_loop()
    reads.begun[1].set_exception(OSError("still gone"))
    await run_loop()
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
    await run_loop()
    second = asyncio.ensure_future(flights.read("k", reads.begin))
    third = asyncio.ensure_future(flights.read("k", reads.begin))
    await run_loop()
    first.cancel()
    second.cancel()
    await run_loop()
    assert len(reads.begun) == 2
    reads.begun[1].set_result(7)
    assert await third == 7


async def test_a_key_without_a_running_read_is_removed() -> None:
    flights, reads = SingleFlight[int](), Reads()
    for number in range(3):
        task = asyncio.ensure_future(flights.read("k", reads.begin))
        await run_loop()
        reads.begun[number].set_result(number)
        assert await task == number
    assert not flights._waiting
