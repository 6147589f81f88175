"""The verdict of a sweeper at each step on a shard: whether users may expire, or why not yet."""

from __future__ import annotations

import pytest

from roomcast.presence.expiry import (
    Doubt,
    Mark,
    Node,
    Pace,
    Rounds,
    Verdict,
    Windows,
    dead_nodes,
    judge,
    parse_node,
    read_mark,
)

WINDOWS = Windows()
GRACE_MS = int(WINDOWS.grace_seconds * 1000)
START = 1_700_000_000_000


class Shard:
    """One shard over several steps of a sweeper. Each step stores its mark, as the script of a step does."""

    def __init__(self) -> None:
        self.now = START
        self.mark: Mark | None = None

    def step(self) -> Verdict:
        verdict = judge(self.now, self.mark, WINDOWS)
        self.mark = Mark(self.now, verdict.grace_until_ms)
        return verdict

    def steps(self, seconds: float) -> list[Verdict]:
        verdicts = []
        for _ in range(int(seconds / WINDOWS.sweep_seconds)):
            self.now += int(WINDOWS.sweep_seconds * 1000)
            verdicts.append(self.step())
        return verdicts


def shard_after_grace() -> Shard:
    """Return a shard whose first grace period is over."""
    shard = Shard()
    shard.step()
    shard.steps(WINDOWS.grace_seconds + WINDOWS.sweep_seconds)
    return shard


def test_in_a_new_redis_no_user_expires_during_the_grace_period() -> None:
    shard = Shard()
    first = shard.step()
    assert (first.may_expire, first.doubt) == (False, Doubt.FRESH)
    verdicts = shard.steps(WINDOWS.grace_seconds + 5)
    waits = [verdict.may_expire for verdict in verdicts]
    assert waits == sorted(waits)
    assert waits[0] is False
    assert waits[-1] is True
    assert waits.count(False) * WINDOWS.sweep_seconds >= WINDOWS.grace_seconds - WINDOWS.sweep_seconds


def test_users_expire_while_steps_are_regular() -> None:
    assert all(verdict.may_expire and verdict.doubt is None for verdict in shard_after_grace().steps(60))


@pytest.mark.parametrize("seconds", [10.1, 60, 3600])
def test_a_gap_between_two_steps_starts_a_grace_period(seconds: float) -> None:
    shard = shard_after_grace()
    shard.now += int(seconds * 1000)
    verdict = shard.step()
    assert verdict == Verdict(False, shard.now + GRACE_MS, Doubt.GAP)
    assert not any(verdict.may_expire for verdict in shard.steps(WINDOWS.grace_seconds - 3))
    assert shard.steps(6)[-1].may_expire


def test_a_gap_within_gap_seconds_starts_no_grace_period() -> None:
    shard = shard_after_grace()
    shard.now += int(WINDOWS.gap_seconds * 1000)
    assert shard.step().may_expire


def test_the_online_window_is_longer_than_a_gap_plus_a_heartbeat() -> None:
    assert WINDOWS.gap_seconds + 30 + WINDOWS.fence_seconds < WINDOWS.online_seconds
    assert WINDOWS.grace_seconds > 30


def test_a_clock_that_is_set_back_starts_a_grace_period() -> None:
    shard = shard_after_grace()
    shard.now -= 3_600_000
    assert shard.step() == Verdict(False, shard.now + GRACE_MS, Doubt.CLOCK_BACK)
    assert shard.steps(WINDOWS.grace_seconds + 4)[-1].may_expire


def test_a_second_gap_prolongs_the_grace_period() -> None:
    shard = shard_after_grace()
    shard.now += 60_000
    shard.step()
    shard.steps(20)
    shard.now += 60_000
    assert shard.step().grace_until_ms == shard.now + GRACE_MS


def test_a_sweeper_that_takes_over_keeps_a_grace_period_but_starts_none() -> None:
    shard = shard_after_grace()
    shard.now += 8_000
    assert shard.step().may_expire
    shard.now += 60_000
    shard.step()
    shard.now += 8_000
    assert not shard.step().may_expire


def test_an_old_mark_after_lost_writes_starts_a_grace_period() -> None:
    shard = shard_after_grace()
    old = shard.mark
    shard.steps(300)
    shard.mark = old
    assert shard.step().doubt is Doubt.GAP


@pytest.mark.parametrize(
    ("text", "mark"), [("", None), ("x y", None), ("12", None), ("12 34", Mark(12, 34)), ("-1 3", None)]
)
def test_valid_marks_are_read_and_invalid_marks_are_ignored(text: str, mark: Mark | None) -> None:
    assert read_mark(text) == mark


def test_a_node_is_dead_if_replaced_retired_or_silent_without_a_lease() -> None:
    now = 1_700_000_000
    announced = {
        Node("1", "alive"): now - 2,
        Node("2", "lease-lost"): now - 2,
        Node("3", "silent"): now - 60,
        Node("4", "gone"): now - 60,
        Node("5", "before"): now - 2,
        Node("5", "after"): now,
        Node("6", "retired"): 0,
    }
    leases = {"1": "alive", "2": None, "3": "silent", "4": None, "5": "after", "6": None}
    dead = dead_nodes(now, announced, leases, WINDOWS)
    assert {node.incarnation for node in dead} == {"gone", "before", "retired"}


def test_node_fields_are_read_back_as_written() -> None:
    assert parse_node(Node("7", "ab:cd").field) == Node("7", "ab:cd")


def test_a_pass_repeats_each_shard_that_has_more_users() -> None:
    rounds, order, more = Rounds([0, 1, 2]), [], {1: 2}
    while (shard := rounds.take()) is not None:
        order.append(shard)
        if more.get(shard, 0):
            more[shard] -= 1
            rounds.again(shard)
    assert order == [0, 1, 2, 1, 1]


def test_passes_start_at_a_fixed_period_and_back_off_with_jitter_after_failures() -> None:
    pace = Pace(2.0)
    assert pace.after_success(started=10.0, now=10.5) == 1.5
    assert pace.after_success(started=10.0, now=15.0) == 0.0
    most = [pace.after_failure(1.0) for _ in range(8)]
    assert most[:5] == [0.1, 0.2, 0.4, 0.8, 1.6]
    assert most[-1] == 2.0
    assert pace.after_failure(0.0) == 1.0
    pace.after_success(0.0, 0.0)
    assert pace.failures == 0
