"""The payloads of closed polling sessions are kept for some seconds. All payloads share one bound in bytes."""

from __future__ import annotations

import pytest

from roomcast.engineio.kept_payloads import KEPT_SECONDS, MAX_KEPT_BYTES, KeptPayloads
from roomcast.engineio.timers import Timers

HALF = bytes(MAX_KEPT_BYTES // 2)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.timers = Timers(self, 0.1)
        self.kept = KeptPayloads(self.timers, self)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def clock() -> Clock:
    return Clock()


async def test_a_payload_is_returned_once(clock: Clock) -> None:
    clock.kept.keep("a", b"last")
    assert (clock.kept.take("a"), clock.kept.take("a"), clock.kept.size, len(clock.kept)) == (b"last", None, 0, 0)


async def test_payloads_above_the_bound_are_dropped_except_with_is_bounded_false(clock: Clock) -> None:
    for sid in ("a", "b", "c"):
        clock.kept.keep(sid, HALF)
    clock.kept.keep("moved", b"last", is_bounded=False)
    assert [sid for sid in ("a", "b", "c", "moved") if clock.kept.take(sid) is not None] == ["a", "b", "moved"]
    clock.kept.keep("c", HALF)
    assert clock.kept.take("c") == HALF


async def test_a_payload_that_is_not_fetched_in_time_is_dropped(clock: Clock) -> None:
    kept = clock.kept
    kept.keep("a", HALF)
    held = kept._kept["a"]
    held.on_time(KEPT_SECONDS - 0.1)
    assert len(kept) == 1
    held.on_time(KEPT_SECONDS)
    assert (len(kept), kept.size, held.payload) == (0, 0, b"")
