"""Run the sweeper. Each pass renews the lease, handles all shards, and removes the connections of dead gateways."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from roomcast.contract.keys import PRESENCE_SHARDS
from roomcast.presence.expiry import Doubt, Node, Pace, Rounds, Windows, judge
from roomcast.presence.store import PresenceStore, StoreError

_SHARDS: Final = range(PRESENCE_SHARDS)


class Observer(Protocol):
    """Counts and logs what the sweeper reports. It never raises."""

    def passed(self, *, leader: bool, users: int, seconds: float) -> None:
        """Report a successful pass. `users`: the number of users present in all shards; 0 for a standby sweeper."""

    def failed(self, error: str, failures: int) -> None:
        """Report a pass that failed because of Redis, the `failures`th since the last success."""

    def expired(self, users: int, seconds: float) -> None:
        """Report a step that set `users` users offline."""

    def notes_ended(self, users: int) -> None:
        """Report that the ends of the notes of `users` users were published."""

    def doubted(self, shard: int, doubt: Doubt) -> None:
        """Report the start of a grace period, in which no user of this shard expires."""

    def late(self, shard: int) -> None:
        """Report a step that reached Redis too late and did nothing."""

    def node_dropped(self, node: Node, connections: int) -> None:
        """Report that a dead gateway's connections were removed."""


class Sweeper:
    """Sweeps until `stop` is called. `clock` is monotonic, in seconds; `chance` is uniform in [0, 1)."""

    def __init__(
        self,
        store: PresenceStore,
        windows: Windows,
        observer: Observer,
        *,
        token: str,
        clock: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self._store = store
        self._windows = windows
        self._observer = observer
        self._token = token
        self._clock = clock
        self._chance = chance
        self._pace = Pace(windows.sweep_seconds)
        self._renew_at = 0.0
        self._has_rights = False
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Make `run` end after the current step."""
        self._stop.set()

    async def run(self) -> None:
        """Run one pass after another until `stop`. Release the lease at the end."""
        while not self._stop.is_set():
            await self._wait(await self._timed_pass())
        if self._pace.failures:  # while Redis fails, a release would only take another second: the lease will expire
            return
        try:
            await self._store.release_lease(self._token)
        except StoreError as error:
            self._observer.failed(str(error), self._pace.failures)

    async def _timed_pass(self) -> float:
        """Run one pass. Return the seconds to wait after it."""
        started = self._clock()
        try:
            users = await self._pass()
        except StoreError as error:
            delay = self._pace.after_failure(self._chance())
            self._observer.failed(str(error), self._pace.failures)
            return delay
        now = self._clock()
        self._observer.passed(leader=users is not None, users=users or 0, seconds=now - started)
        return self._pace.after_success(started, now)

    async def _pass(self) -> int | None:
        """Run one pass. Return the number of users present, or None when another sweeper has the lease."""
        if not self._has_rights:
            await self._store.check_rights()
            self._has_rights = True
        if not await self._hold():
            return None
        users = dict.fromkeys(_SHARDS, 0)
        rounds, failure = Rounds(_SHARDS), None
        while (shard := rounds.take()) is not None and not self._stop.is_set():
            if self._clock() > self._renew_at and not await self._hold():
                return None
            try:
                users[shard], is_full = await self._step(shard)
            except StoreError as error:  # perhaps one server of a cluster is down, so only a second error ends the pass
                if failure is not None:
                    raise
                failure = error
                continue
            if is_full:
                rounds.again(shard)
        if failure is not None:
            raise failure
        await self._drop_dead_nodes()
        return sum(users.values())

    async def _hold(self) -> bool:
        self._renew_at = self._clock() + self._windows.lease_seconds / 3
        return await self._store.hold_lease(self._token)

    async def _step(self, shard: int) -> tuple[int, bool]:
        """Handle one batch of one shard. Return the number of users present, and whether more users may be due."""
        state = await self._store.read_shard(shard)
        is_full = await self._end_notes(shard, state.ended)
        verdict = judge(state.now_ms, state.mark, self._windows)
        if verdict.doubt is not None:
            self._observer.doubted(shard, verdict.doubt)
        started = self._clock()
        count = await self._store.sweep(shard, state, verdict)
        if count < 0:
            self._observer.late(shard)
        if count <= 0:
            return state.users, is_full
        seconds = self._clock() - started
        self._observer.expired(count, seconds)
        await self._wait(seconds)  # wait as long as the step took, to leave half of Redis's time to other clients
        return state.users - count, is_full or len(state.due) >= self._windows.batch

    async def _end_notes(self, shard: int, users: list[str]) -> bool:
        """Publish that the notes of these users have ended. Return whether more notes may have ended."""
        if not users:
            return False
        started = self._clock()
        self._observer.notes_ended(await self._store.end_notes(shard, users))
        await self._wait(self._clock() - started)
        return len(users) >= self._windows.batch

    async def _drop_dead_nodes(self) -> None:
        if self._stop.is_set():
            return
        for node in await self._store.dead_nodes():
            removed = await self._drop_node(node)
            if removed is None:
                continue
            await self._store.forget_node(node)
            self._observer.node_dropped(node, removed)

    async def _drop_node(self, node: Node) -> int | None:
        """Remove a dead gateway's connections. Return their number, or None if some could not be removed now."""
        removed = 0
        for shard in _SHARDS:
            count = 1
            while count > 0:
                state = await self._store.read_shard(shard)
                if not judge(state.now_ms, state.mark, self._windows).may_expire or self._stop.is_set():
                    return None
                count = await self._store.drop_node_step(shard, node, state.now_ms)
                removed += max(count, 0)
                if self._clock() > self._renew_at and not await self._hold():
                    return None
            if count < 0:
                return None
        return removed

    async def _wait(self, seconds: float) -> None:
        """Wait for `seconds`, or until `stop` is called."""
        if seconds <= 0:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return
