"""Shut a gateway down without losing a client or a message: numbered, bounded, idempotent steps.

1. announce the drain: become unready, and send `drain` to every client;
2. close the listener, so that nginx sends new sessions elsewhere;
3. close the transports in jittered batches: socket.io clients then reconnect by themselves;
4. wait for the acks in flight, and a moment for polling clients to fetch their last packets with their next GET;
5. the caller then waits until WebSocket clients have sent CLOSE (the Engine.IO server's shutdown), gives the leases
   back, and last closes the connections to Redis.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Final, Protocol

_BATCHES: Final = 20
_SLICE: Final = 32
"""Connections closed before the event loop may do other work. Closing them takes 1 to 4 ms."""
_ACK_SHARE: Final = 0.25
_FETCH_SECONDS: Final = 2.0
"""Longest wait for polling clients to fetch their last packets. A live client comes back within a round trip."""


class State(Enum):
    """The state of a gateway's shutdown."""

    SERVING = "serving"
    DRAINING = "draining"
    DRAINED = "drained"


class Engine(Protocol):
    """The part of the Engine.IO server that a drain uses."""

    def session_ids(self) -> list[str]:
        """Return the ids of all sessions."""
        ...

    def stop_accepting(self) -> None:
        """Accept no more sessions."""
        ...

    def close_for_reconnect(self, sid: str) -> None:
        """Close a session's transport, so that its client reconnects."""
        ...

    @property
    def unfetched(self) -> int:
        """Return how many polling sessions ended with packets that their clients have not fetched yet."""
        ...


def batches(sids: list[str], count: int = _BATCHES) -> list[list[str]]:
    """Split `sids` into at most `count` batches of nearly the same size, in order. Pure."""
    size = max(1, -(-len(sids) // count))
    return [sids[at : at + size] for at in range(0, len(sids), size)]


class Drain:
    """Runs the steps 1 to 4 once. `budget_seconds` bounds steps 2 to 4 together."""

    def __init__(
        self,
        engine: Engine,
        *,
        budget_seconds: float,
        announce: Callable[[float], None],
        close_listener: Callable[[], Awaitable[None]],
        in_flight: Callable[[], int],
        on_state: Callable[[str], None],
    ) -> None:
        self.state = State.SERVING
        self._engine = engine
        self._budget = budget_seconds
        self._announce = announce
        self._close_listener = close_listener
        self._in_flight = in_flight
        self._on_state = on_state

    async def run(self) -> None:
        """Run the steps 1 to 4; return when all clients are moved, or the budget is used up. Idempotent."""
        if self.state is not State.SERVING:
            return
        self._enter(State.DRAINING)
        deadline = asyncio.get_running_loop().time() + self._budget
        self._announce(self._budget)
        self._engine.stop_accepting()
        await self._close_listener()
        await self._move(deadline - self._budget * _ACK_SHARE)
        await self._settle(deadline)
        self._enter(State.DRAINED)

    async def move_clients(self) -> None:
        """Announce the drain and close all transports in batches, but go on serving: an operator's drain."""
        self._announce(self._budget)
        await self._move(asyncio.get_running_loop().time() + self._budget * (1 - _ACK_SHARE))

    async def _settle(self, deadline: float) -> None:
        now = asyncio.get_running_loop().time
        fetched_by = min(now() + _FETCH_SECONDS, deadline)
        while (self._in_flight() and now() < deadline) or (self._engine.unfetched and now() < fetched_by):  # noqa: ASYNC110 (plain counts)
            await asyncio.sleep(0.02)

    async def _move(self, deadline: float) -> None:
        plan = batches(self._engine.session_ids())
        for place, batch in enumerate(plan, start=1):
            for number, sid in enumerate(batch, start=1):
                self._engine.close_for_reconnect(sid)
                if number % _SLICE == 0:
                    await asyncio.sleep(0)
            left = len(plan) - place
            remaining = deadline - asyncio.get_running_loop().time()
            if left and remaining > 0:
                await asyncio.sleep(min(0.2, remaining / left) * random.uniform(0.5, 1.0))  # noqa: S311 (jitter)

    def _enter(self, state: State) -> None:
        self.state = state
        self._on_state(state.value)
