"""Each turn of the event loop handles a share of packets, divided among the clients. The share adapts to CPU time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from roomcast.engineio.fair_turns import (
    AT_ONCE,
    FIRST_SHARE,
    LEAST_SHARE,
    LONG_SECONDS,
    MOST_SHARE,
    QUANTUM,
    SHORT_SECONDS,
    Turns,
)


class FakeLoop:
    """An event loop. The test runs its turns one by one; each turn takes `seconds` of CPU time."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []
        self.cpu = 0.0
        self.seconds = 0.0
        self.turns = Turns(lambda: self.cpu)
        self.handled: list[str] = []
        self.errors: list[dict[str, Any]] = []

    def turn(self) -> list[str]:
        """Run one turn; return the client's name for each packet handled in it."""
        due, self.soon, self.handled = self.soon, [], []
        self.cpu += self.seconds
        for call in due:
            call()
        return self.handled

    def client(self, name: str, packets: int) -> None:
        """Queue a client with this many packets."""

        def work(most: int) -> int:
            done = min(most, packets)
            self.handled += [name] * done
            if packets > done:
                self.client(name, packets - done)
            return done

        self.turns.add(work)


@pytest.fixture
def fake_loop(monkeypatch: pytest.MonkeyPatch) -> FakeLoop:
    fake_loop = FakeLoop()

    class Loop:
        def call_exception_handler(self, context: dict[str, Any]) -> None:
            fake_loop.errors.append(context)

        def call_soon(self, call: Callable[[], Any]) -> None:
            fake_loop.soon.append(call)

    monkeypatch.setattr("asyncio.get_running_loop", Loop)
    return fake_loop


def test_each_client_gets_one_quantum_per_turn(fake_loop: FakeLoop) -> None:
    fake_loop.client("a", 3 * QUANTUM)
    fake_loop.client("b", QUANTUM)
    fake_loop.client("c", QUANTUM)
    assert fake_loop.turn() == ["a"] * QUANTUM + ["b"] * QUANTUM + ["c"] * QUANTUM
    assert fake_loop.turn() == ["a"] * QUANTUM
    assert fake_loop.turn() == ["a"] * QUANTUM
    assert fake_loop.soon == []


def test_a_turn_ends_when_its_share_is_used_up(fake_loop: FakeLoop) -> None:
    for number in range(200):
        fake_loop.client(str(number), 100)
    fake_loop.seconds = (SHORT_SECONDS + LONG_SECONDS) / 2
    turns = [fake_loop.turn() for _ in range(200 * QUANTUM // FIRST_SHARE + 1)]
    assert {len(turn) for turn in turns} == {FIRST_SHARE}
    handled = [name for turn in turns for name in turn]
    assert handled[: 200 * QUANTUM] == [str(number) for number in range(200) for _ in range(QUANTUM)], (
        "each client is served before the first client is served again"
    )


def test_an_error_of_one_client_does_not_stop_the_work_of_other_clients(fake_loop: FakeLoop) -> None:
    def fails(packets: int) -> int:
        raise RuntimeError("a fault")

    fake_loop.turns.add(fails)
    fake_loop.client("a", 2 * QUANTUM)
    assert fake_loop.turn() == ["a"] * QUANTUM
    assert len(fake_loop.errors) == 1
    assert fake_loop.turn() == ["a"] * QUANTUM


def test_newly_read_packets_and_queued_packets_share_one_turn(fake_loop: FakeLoop) -> None:
    assert fake_loop.turns.grant(32) == 32
    assert fake_loop.turns.grant(FIRST_SHARE) == FIRST_SHARE - 32
    assert [fake_loop.turns.grant(32) for _ in range(3)] == [AT_ONCE] * 3, (
        "one packet of a client is always handled at once"
    )
    fake_loop.turn()
    assert fake_loop.turns.grant(32) == 32


def test_queued_packets_come_before_newly_read_packets(fake_loop: FakeLoop) -> None:
    for number in range(FIRST_SHARE):
        fake_loop.client(str(number), 100)
    fake_loop.turn()
    assert fake_loop.turns.grant(32) == AT_ONCE


def test_the_share_adapts_to_the_cpu_time_of_the_turns(fake_loop: FakeLoop) -> None:
    fake_loop.client("flood", 1_000_000)
    fake_loop.seconds = 2 * LONG_SECONDS
    for _ in range(20):
        fake_loop.turn()
    assert fake_loop.turns.share == LEAST_SHARE
    fake_loop.seconds = SHORT_SECONDS / 2
    for _ in range(100):
        fake_loop.turn()
    assert fake_loop.turns.share == MOST_SHARE


def test_the_time_of_an_idle_loop_does_not_count(fake_loop: FakeLoop) -> None:
    fake_loop.client("a", 1)
    fake_loop.turn()
    fake_loop.cpu += 10.0
    fake_loop.client("a", 1)
    fake_loop.turn()
    assert fake_loop.turns.share == FIRST_SHARE
