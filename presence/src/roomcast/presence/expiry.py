"""Decide when users may go offline. Pure: times come in as numbers, decisions go out.

**The guard against false mass expiry.** A user is offline when no sign of life came for the window (60 s). This rule
is safe only while Redis can record signs of life. So each step in a shard leaves a mark there with Redis's time, and
the next step compares its own time, by the same clock, with the mark:

* The mark is about one sweep old: Redis ran and kept its writes, so gateways refreshed their users. Users may expire.
* The mark is older than `gap_seconds`: Redis was stopped or unreachable, refused writes, lost its latest writes (a
  crash, a failover), its clock jumped forward, or no sweeper ran. These cases cannot be told apart, and live users may
  look absent.
* The mark is in the future: the clock went back.
* There is no mark: Redis is new, or has lost its data.

In all but the first case no user expires for `grace_seconds`: one heartbeat period and a margin, within which every
gateway refreshes every live connection. Gaps up to `gap_seconds` need no grace: a heartbeat period plus the gap is
still well inside the window. The mark holds the end of the grace, so a sweeper that takes over honours it. A sweeper
that takes over quickly finds a young mark and grants no grace, so a sweeper's death does not delay expiry. The sweeper
reads no local clock, so the clock of its machine does not matter.

The scripts close one remaining gap. When a stopped Redis resumes, it first runs the commands in its buffers, before
any gateway can refresh its users. So each step names the time of its decision, and a late step changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from roomcast.contract.events import HEARTBEAT_SECONDS, ONLINE_SECONDS

_BACKWARDS_TOLERANCE_MS: Final = 2_000


@dataclass(frozen=True)
class Windows:
    """All durations of the sweeper, in seconds, and the batch size; tests scale the durations together."""

    online_seconds: int = ONLINE_SECONDS
    gap_seconds: float = 10.0
    grace_seconds: float = HEARTBEAT_SECONDS + 5.0
    fence_seconds: float = 5.0
    ahead_seconds: int = 5
    sweep_seconds: float = 2.0
    lease_seconds: float = 6.0
    node_silence_seconds: int = 15
    horizon_seconds: int = 3 * ONLINE_SECONDS
    last_seen_seconds: int = 30 * 86_400
    mark_seconds: int = 86_400
    batch: int = 25


class Doubt(Enum):
    """The reason why no user may expire for a while."""

    FRESH = "fresh"
    GAP = "gap"
    CLOCK_BACK = "clock_back"


class Mark(NamedTuple):
    """The mark that a step leaves in its shard: its time, and the end of the grace, both in ms by Redis's clock."""

    at_ms: int
    grace_until_ms: int


class Verdict(NamedTuple):
    """The decision about a shard: whether users may expire now, the end of the grace, and a new doubt, if any."""

    may_expire: bool
    grace_until_ms: int
    doubt: Doubt | None


def read_mark(text: str) -> Mark | None:
    """Return the mark in `text`; None if there is none, or an unknown format."""
    at, _, until = text.partition(" ")
    if not at.isdecimal() or not until.isdecimal():
        return None
    return Mark(int(at), int(until))


def judge(now_ms: int, mark: Mark | None, windows: Windows) -> Verdict:
    """Decide whether users of a shard may expire at `now_ms`, given the mark of the previous step."""
    doubt = _doubt(now_ms, mark, windows)
    if doubt is not None:
        return Verdict(False, now_ms + int(windows.grace_seconds * 1000), doubt)
    assert mark is not None  # `_doubt` returns FRESH without a mark
    return Verdict(now_ms >= mark.grace_until_ms, mark.grace_until_ms, None)


def _doubt(now_ms: int, mark: Mark | None, windows: Windows) -> Doubt | None:
    if mark is None:
        return Doubt.FRESH
    if mark.at_ms - now_ms > _BACKWARDS_TOLERANCE_MS:
        return Doubt.CLOCK_BACK
    if now_ms - mark.at_ms > windows.gap_seconds * 1000:
        return Doubt.GAP
    return None


class Node(NamedTuple):
    """One incarnation of a gateway."""

    name: str
    incarnation: str

    @property
    def field(self) -> str:
        """The field of this incarnation in `presence:nodes`."""
        return f"{self.name}:{self.incarnation}"


def parse_node(field: str) -> Node:
    """Return the node and incarnation that a field of the node hash names."""
    name, _, incarnation = field.partition(":")
    return Node(name, incarnation)


def dead_nodes(
    now: int, announced: Mapping[Node, int], leases: Mapping[str, str | None], windows: Windows
) -> list[Node]:
    """Return the dead incarnations. One is dead if another holds its node's lease, or if none does and it is silent.

    `announced`: unix seconds of each incarnation's last announcement; `leases`: the incarnation in each node's lease.
    Missing announcements alone are not enough: lease and announcement may lie on different servers of a cluster, and
    both must agree.
    """
    dead = []
    for node, at in announced.items():
        holder = leases.get(node.name)
        is_silent = abs(now - at) > windows.node_silence_seconds
        if holder != node.incarnation and (holder is not None or is_silent):
            dead.append(node)
    return dead


class Rounds:
    """The order of the steps of one pass: one batch per shard in turn, until no shard has more.

    The order is round-robin, so that a shard with a hundred thousand expired users does not delay the other shards,
    whose marks would grow too old.
    """

    def __init__(self, shards: Sequence[int]) -> None:
        self._now = list(shards)
        self._next: list[int] = []

    def take(self) -> int | None:
        """Return the next shard to step; None at the end of the pass."""
        if not self._now:
            self._now, self._next = self._next, []
        return self._now.pop(0) if self._now else None

    def again(self, shard: int) -> None:
        """Schedule a further step in `shard`, whose last step was full."""
        self._next.append(shard)


class Pace:
    """The schedule of the passes: a fixed period, or jittered backoff while Redis fails."""

    def __init__(self, period_seconds: float, *, first_backoff: float = 0.1, longest_backoff: float = 2.0) -> None:
        self._period = period_seconds
        self._first = first_backoff
        self._longest = longest_backoff
        self._failures = 0

    @property
    def failures(self) -> int:
        """The number of passes that failed in a row."""
        return self._failures

    def after_success(self, started: float, now: float) -> float:
        """Return the seconds to wait; 0 after a pass that took longer than the period."""
        self._failures = 0
        return max(0.0, started + self._period - now)

    def after_failure(self, chance: float) -> float:
        """Return the seconds to wait: 50 to 100 % of a doubling delay; `chance` is uniform in [0, 1)."""
        delay = min(self._longest, self._first * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return delay * (0.5 + chance / 2)
