"""A drain closes clients in batches, within a time budget, and runs only once."""

from __future__ import annotations

import asyncio

import pytest

from roomcast.gateway.operations.drain import Drain, State, batches


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (1, [1]), (3, [1, 1, 1]), (20, [1] * 20), (50, [3] * 16 + [2])])
def test_there_are_at_most_twenty_batches_of_nearly_the_same_size(count: int, sizes: list[int]) -> None:
    assert [len(batch) for batch in batches([str(n) for n in range(count)])] == sizes


@pytest.mark.parametrize("count", [1, 7, 19, 20, 21, 399, 10_000])
def test_batches_contain_each_client_once_and_in_order(count: int) -> None:
    sids = [str(n) for n in range(count)]
    made = batches(sids)

    assert [sid for batch in made for sid in batch] == sids
    assert len(made) <= 20


class Engine:
    """An Engine.IO server that records the calls of a drain."""

    def __init__(self, count: int) -> None:
        self.sids = [f"s{n}" for n in range(count)]
        self.story: list[str] = []
        self.fetched_after = 0
        """The number of calls of `unfetched` before the last polling client has fetched its packets."""

    def session_ids(self) -> list[str]:
        return list(self.sids)

    @property
    def unfetched(self) -> int:
        self.fetched_after -= 1
        return int(self.fetched_after > 0)

    def stop_accepting(self) -> None:
        self.story.append("stop accepting")

    def close_for_reconnect(self, sid: str) -> None:
        self.story.append(sid)


def make(engine: Engine, budget_seconds: float, in_flight: list[int]) -> Drain:
    async def close_listener() -> None:
        engine.story.append("close listener")

    return Drain(
        engine,
        budget_seconds=budget_seconds,
        announce=lambda seconds: engine.story.append(f"announce {seconds:g}"),
        close_listener=close_listener,
        in_flight=lambda: in_flight.pop() if len(in_flight) > 1 else in_flight[0],
        on_state=engine.story.append,
    )


async def test_a_drain_runs_its_steps_in_order() -> None:
    engine = Engine(3)

    await make(engine, 1.0, [0]).run()

    steps = ["draining", "announce 1", "stop accepting", "close listener", "s0", "s1", "s2", "drained"]
    assert engine.story == steps


async def test_a_second_drain_has_no_effect() -> None:
    engine = Engine(1)
    drain = make(engine, 1.0, [0])
    await drain.run()
    before = list(engine.story)

    await drain.run()

    assert (engine.story, drain.state) == (before, State.DRAINED)


async def test_a_drain_waits_for_acks_in_flight() -> None:
    engine, in_flight = Engine(0), [0, 1, 2]

    await make(engine, 5.0, in_flight).run()

    assert in_flight == [0]


async def test_the_time_budget_ends_the_wait_for_missing_acks() -> None:
    engine = Engine(0)
    drain = make(engine, 0.2, [1])

    async with asyncio.timeout(5.0):
        await drain.run()

    assert drain.state is State.DRAINED


async def test_a_drain_waits_until_polling_clients_have_fetched_their_last_packets() -> None:
    engine = Engine(1)
    engine.fetched_after = 4

    await make(engine, 5.0, [0]).run()

    assert engine.fetched_after == 0


async def test_a_drain_waits_only_briefly_for_polling_clients_that_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roomcast.gateway.operations.drain._FETCH_SECONDS", 0.1)
    engine = Engine(1)
    engine.fetched_after = 1_000_000

    async with asyncio.timeout(5.0):
        await make(engine, 60.0, [0]).run()

    assert engine.story[-1] == "drained"
