"""The loop of the sweeper, with a store in memory and a fake clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from roomcast.contract.keys import PRESENCE_SHARDS
from roomcast.presence.expiry import Doubt, Mark, Node, Verdict, Windows
from roomcast.presence.store import PresenceStore, ShardState, StoreError
from roomcast.presence.sweeper import Sweeper

WINDOWS = Windows(batch=2)
NOW_MS = 1_000_000
RECENT = Mark(NOW_MS - 2_000, 0)
AWAY = StoreError("no answer within 1 s")


class Counts:
    """An observer that records every event."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *values, **named: self.events.append((name, *values, *named.values()))

    def of(self, name: str) -> list[tuple[Any, ...]]:
        return [event[1:] for event in self.events if event[0] == name]


class Presence:
    """Shards in memory. `failing` maps a method to the errors of its next calls; None means success."""

    def __init__(self) -> None:
        self.due: dict[int, list[str]] = {}
        self.ended: dict[int, list[str]] = {}
        self.mark: Mark | None = RECENT
        self.present = 10
        self.has_lease = True
        self.failing: dict[str, list[StoreError | None]] = {}
        self.steps: list[tuple[int, bool]] = []
        self.is_late = False
        self.dead: list[Node] = []
        self.drop_results: list[int] = [2, 0]
        self.forgotten: list[Node] = []
        self.released = 0
        self.holds = 0
        self.checks = 0
        self.on_hold: Callable[[], None] = lambda: None

    def _fail(self, name: str) -> None:
        waiting = self.failing.get(name)
        if waiting and (error := waiting.pop(0)) is not None:
            raise error

    async def check_rights(self) -> None:
        self.checks += 1
        self._fail("check_rights")

    async def hold_lease(self, token: str) -> bool:
        self.holds += 1
        self._fail("hold_lease")
        self.on_hold()
        return self.has_lease

    async def release_lease(self, token: str) -> bool:
        self.released += 1
        self._fail("release_lease")
        return True

    async def read_shard(self, shard: int) -> ShardState:
        self._fail("read_shard")
        due, ended = (users.get(shard, [])[: WINDOWS.batch] for users in (self.due, self.ended))
        return ShardState(NOW_MS, self.mark, self.present, due, ended)

    async def end_notes(self, shard: int, users: Sequence[str]) -> int:
        self.ended[shard] = self.ended[shard][len(users) :]
        return len(users)

    async def sweep(self, shard: int, state: ShardState, verdict: Verdict) -> int:
        self.steps.append((shard, verdict.may_expire))
        if self.is_late:
            return -1
        users = state.due if verdict.may_expire else []
        self.due[shard] = self.due.get(shard, [])[len(users) :]
        return len(users)

    async def dead_nodes(self) -> list[Node]:
        return self.dead

    async def drop_node_step(self, shard: int, node: Node, now_ms: int) -> int:
        return self.drop_results.pop(0) if self.drop_results else 0

    async def forget_node(self, node: Node) -> None:
        self.forgotten.append(node)


class Rig:
    def __init__(self, passes: int = 1) -> None:
        self.presence, self.counts, self.now = Presence(), Counts(), 0.0
        self.sweeper = Sweeper(
            cast("PresenceStore", self.presence),
            WINDOWS,
            self.counts,
            token="me",
            clock=self.clock,
            chance=lambda: 0.0,
        )
        self.left = passes

        def stop_after() -> None:
            self.left -= 1
            if self.left < 0:
                self.sweeper.stop()

        self.presence.on_hold = stop_after

    def clock(self) -> float:
        """Advance by a millisecond at each call, so that passes are due soon and leases stay valid."""
        self.now += 0.001
        return self.now

    async def run(self, seconds: float = 5.0) -> None:
        import asyncio

        async with asyncio.timeout(seconds):
            await self.sweeper.run()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the pause between two passes."""

    async def at_once(self: Sweeper, seconds: float) -> None:
        return

    monkeypatch.setattr(Sweeper, "_wait", at_once)


@pytest.mark.usefixtures("quick")
async def test_notes_end_in_batches_also_while_no_user_may_expire() -> None:
    rig = Rig()
    rig.presence.mark = None
    rig.presence.ended = {3: ["a", "b", "c"], 5: ["d"]}
    await rig.run()
    assert [users for (users,) in rig.counts.of("notes_ended")] == [2, 1, 1]
    assert rig.counts.of("expired") == []


@pytest.mark.usefixtures("quick")
async def test_a_pass_sweeps_every_shard_until_no_shard_has_more_due_users() -> None:
    rig = Rig()
    rig.presence.due = {3: ["a", "b", "c"], 5: ["d"]}
    await rig.run()
    first = rig.presence.steps[: PRESENCE_SHARDS + 1]
    assert [shard for shard, _ in first] == [*range(PRESENCE_SHARDS), 3]
    assert all(may_expire for _, may_expire in first)
    assert [users for users, _ in rig.counts.of("expired")] == [2, 1, 1]
    leader, users, _ = rig.counts.of("passed")[0]
    assert leader
    assert (
        users == PRESENCE_SHARDS * 10 - 2
    )  # the present users at the last step of each shard, minus those that this step expired
    assert rig.presence.released == 1
    assert rig.presence.checks == 1


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("mark", "doubt"), [(None, Doubt.FRESH), (Mark(0, 0), Doubt.GAP), (Mark(NOW_MS + 60_000, 0), Doubt.CLOCK_BACK)]
)
async def test_during_a_doubt_no_user_expires_and_no_node_is_dropped(mark: Mark | None, doubt: Doubt) -> None:
    rig = Rig()
    rig.presence.due, rig.presence.mark, rig.presence.dead = {0: ["a"]}, mark, [Node("1", "old")]
    await rig.run()
    assert {reason for _, reason in rig.counts.of("doubted")} == {doubt}
    assert rig.presence.due[0] == ["a"]
    assert rig.presence.forgotten == []


@pytest.mark.usefixtures("quick")
async def test_a_dead_node_is_dropped_in_steps() -> None:
    rig = Rig()
    rig.presence.dead = [Node("1", "old")]
    await rig.run()
    assert rig.presence.forgotten[0] == Node("1", "old")
    assert rig.counts.of("node_dropped")[0] == (Node("1", "old"), 2)


@pytest.mark.usefixtures("quick")
async def test_a_node_is_not_forgotten_if_a_step_was_late() -> None:
    rig = Rig()
    rig.presence.dead, rig.presence.drop_results = [Node("1", "old")], [-1]
    await rig.run()
    assert rig.presence.forgotten == []


@pytest.mark.usefixtures("quick")
async def test_a_late_step_is_reported() -> None:
    rig = Rig()
    rig.presence.is_late = True
    await rig.run()
    assert len(rig.counts.of("late")) >= PRESENCE_SHARDS


@pytest.mark.usefixtures("quick")
async def test_a_sweeper_without_the_lease_does_not_sweep() -> None:
    rig = Rig(passes=2)
    rig.presence.has_lease = False
    await rig.run()
    assert rig.presence.steps == []
    assert [(leader, users) for leader, users, _ in rig.counts.of("passed")] == [(False, 0)] * 3


@pytest.mark.usefixtures("quick")
async def test_after_one_failed_shard_the_other_shards_are_swept_and_the_pass_counts_as_failed() -> None:
    rig = Rig(passes=2)
    rig.presence.failing["read_shard"] = [None, AWAY]
    await rig.run()
    shards = [shard for shard, _ in rig.presence.steps]
    assert shards[:PRESENCE_SHARDS] == [0, *range(2, PRESENCE_SHARDS), 0]
    assert rig.counts.of("failed") == [(str(AWAY), 1)]
    assert rig.counts.of("passed") != []


@pytest.mark.usefixtures("quick")
async def test_two_failed_shards_end_the_pass() -> None:
    rig = Rig(passes=2)
    rig.presence.failing["read_shard"] = [None, AWAY, AWAY]
    await rig.run()
    assert [shard for shard, _ in rig.presence.steps[:4]] == [0, 0, 1, 2], "the next pass begins with the first shard"
    assert rig.counts.of("failed") == [(str(AWAY), 1)]


@pytest.mark.usefixtures("quick")
async def test_no_pass_begins_without_rights_on_channels() -> None:
    rig = Rig(passes=1)
    rig.presence.failing["check_rights"] = [StoreError("this user has no permissions"), None]
    await rig.run()
    assert rig.counts.of("failed") == [("this user has no permissions", 1)]
    assert rig.presence.checks == 2
    assert rig.counts.of("passed") != []


@pytest.mark.usefixtures("quick")
async def test_the_lease_is_renewed_during_a_long_pass() -> None:
    rig = Rig(passes=2)
    slow = WINDOWS.lease_seconds / 3 / 4

    def clock() -> float:
        rig.now += slow
        return rig.now

    rig.sweeper._clock = clock
    await rig.run()
    assert (rig.presence.holds, len(rig.counts.of("passed"))) == (3, 1), "`hold_lease` is called three times in a pass"


@pytest.mark.usefixtures("quick")
async def test_a_lease_that_cannot_be_released_is_reported() -> None:
    rig = Rig()
    rig.presence.failing["release_lease"] = [AWAY]
    await rig.run()
    assert rig.counts.events[-1] == ("failed", str(AWAY), 0)


async def test_stop_during_the_pause_after_a_failure_does_not_release_the_lease() -> None:
    rig = Rig()
    rig.presence.failing["hold_lease"] = [AWAY]
    counted = rig.counts

    class Stopping(Counts):
        def __getattr__(self, name: str) -> Callable[..., None]:
            rig.sweeper.stop()
            return getattr(counted, name)  # type: ignore[no-any-return]

    rig.sweeper._observer = Stopping()
    await rig.run(2.0)
    assert counted.of("failed") == [(str(AWAY), 1)]
    assert rig.presence.released == 0
