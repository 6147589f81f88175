"""Decide when presence may end. Pure: times come in as numbers, decisions go out.

**The guard against false mass expiry.** A user is offline when no sign of life came for the window (60 s). That
holds only while signs of life *could* come. Each step in a shard therefore leaves a mark there with Redis's time, and
the next step asks: how long ago was the mark, by the same clock?

* About one sweep ago: Redis ran, took writes, and kept them. Gateways refreshed their users. Expire.
* Longer ago than `gap_seconds`: Redis was stopped or unreachable, refused writes, lost its latest writes (a crash, a
  failover), its clock jumped forward, or no sweeper ran. The cases look alike, and live users may look old.
* In the future: the clock went back.
* No mark: a fresh Redis, or one that came back empty.

In all but the first case no user expires for `grace_seconds`: one heartbeat period and a margin, within which every
gateway refreshes every connection that lives. Gaps up to `gap_seconds` need no grace: a heartbeat period plus the gap
is still well inside the window. The end of the grace stands in the mark, so a sweeper that takes over honours it; and
a sweeper that takes over quickly finds a young mark and grants none, so ghosts do not live longer because a sweeper
died. No local clock is read, so the clock of the sweeper's machine cannot matter.

The scripts close one remaining gap: a stopped Redis that wakes up first runs the commands waiting in its buffers,
before any gateway could refresh. So each step names the time of its decision, and does nothing when it arrives late.
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
    """Hold all durations of the sweeper, in seconds; tests scale them together."""

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
    """Name the reason why no user may expire for a while."""

    FRESH = "fresh"
    GAP = "gap"
    CLOCK_BACK = "clock_back"


class Mark(NamedTuple):
    """Hold what a step leaves behind in its shard; both in ms by Redis's clock."""

    at_ms: int
    grace_until_ms: int


class Verdict(NamedTuple):
    """Hold whether users may expire now, until when they may not, and the doubt that just arose (None: none did)."""

    may_expire: bool
    grace_until_ms: int
    doubt: Doubt | None


def read_mark(text: str) -> Mark | None:
    """Return the mark in `text`; None where there is none (or one that no release wrote)."""
    at, _, until = text.partition(" ")
    if not at.isdecimal() or not until.isdecimal():
        return None
    return Mark(int(at), int(until))


def judge(now_ms: int, mark: Mark | None, windows: Windows) -> Verdict:
    """Judge whether users of a shard may expire at `now_ms`, given the mark of the step before."""
    doubt = _doubt(now_ms, mark, windows)
    if doubt is not None:
        return Verdict(False, now_ms + int(windows.grace_seconds * 1000), doubt)
    assert mark is not None  # _doubt named it otherwise
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
    """Name one incarnation of a gateway."""

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
    """Return the incarnations that are gone: another one holds the node's lease, or none does and it fell silent.

    `announced`: unix seconds of each one's last announcement; `leases`: the incarnation in each node's lease.
    Silence alone is not enough: lease and announcement lie on different servers of a cluster, and both must agree.
    """
    dead = []
    for node, at in announced.items():
        holder = leases.get(node.name)
        is_silent = abs(now - at) > windows.node_silence_seconds
        if holder != node.incarnation and (holder is not None or is_silent):
            dead.append(node)
    return dead


class Rounds:
    """Order the steps of one pass: shard after shard, one batch each, until none has more.

    Round-robin, so that a shard with a hundred thousand expired users does not make the others wait, nor their marks
    grow old.
    """

    def __init__(self, shards: Sequence[int]) -> None:
        self._now = list(shards)
        self._next: list[int] = []

    def take(self) -> int | None:
        """Return the shard to step next; None when the pass is over."""
        if not self._now:
            self._now, self._next = self._next, []
        return self._now.pop(0) if self._now else None

    def again(self, shard: int) -> None:
        """Note that the step in `shard` was full: there is more to do."""
        self._next.append(shard)


class Pace:
    """Time the passes: on a fixed schedule while all is well, with jittered backoff while Redis is in trouble."""

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
        """Return the seconds to wait; a pass that took longer than the period is followed at once."""
        self._failures = 0
        return max(0.0, started + self._period - now)

    def after_failure(self, chance: float) -> float:
        """Return the seconds to wait: half to all of a doubling delay; `chance` is uniform in [0, 1)."""
        delay = min(self._longest, self._first * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return delay * (0.5 + chance / 2)
