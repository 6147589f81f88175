"""Decide when users may go offline. Pure: the caller passes the times, and gets decisions.

**The guard against false mass expiry.** A user is offline if the user's presence was not refreshed for 60 s. This rule
is safe only while Redis can store the refreshes. Presence is divided into shards, and each step of a sweep handles a
batch of one shard. The step stores a mark with Redis's time in the shard. The next step in the same shard compares
Redis's time with this mark:

* The mark is about one sweep old: Redis ran and kept its writes, so gateways refreshed their users. Users may expire.
* The mark is older than `gap_seconds`: Redis was stopped or unreachable, refused writes, lost its latest writes (a
  crash, a failover), its clock jumped forward, or no sweeper ran. The sweeper cannot tell these cases apart, and
  connected users may look absent.
* The mark is in the future: the clock was set back.
* There is no mark: Redis is new, or has lost its data.

In all cases except the first, no user expires for the grace period, `grace_seconds`: one heartbeat period and a margin,
within which every gateway refreshes every live connection. A pause of up to `gap_seconds` needs no grace period,
because a heartbeat period plus the pause is still well below 60 s. The mark contains the end of the grace period, so
that another sweeper that takes over respects it. If a sweeper crashes and another takes over quickly, the mark is
young, so that the crash does not delay expiry. The sweeper reads no local clock, so the clock of its machine does not
matter.

The scripts handle one more case. When a stopped Redis resumes, it first runs the commands in its buffers, before any
gateway can refresh its users. So each step contains the time of its decision, and the script ignores a late step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from roomcast.contract.limits import HEARTBEAT_SECONDS, ONLINE_SECONDS

_BACKWARDS_TOLERANCE_MS: Final = 2_000


@dataclass(frozen=True)
class Windows:
    """All durations of the sweeper, in seconds, and the batch size. Tests scale all durations together."""

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
    """The reason for a grace period, in which no user may expire."""

    FRESH = "fresh"
    GAP = "gap"
    CLOCK_BACK = "clock_back"


class Mark(NamedTuple):
    """The mark that a step stores in its shard: the time of the step and the end of the grace period, in ms (Redis)."""

    at_ms: int
    grace_until_ms: int


class Verdict(NamedTuple):
    """The decision about a shard: whether users may expire, the end of the grace period, and a new doubt or None."""

    may_expire: bool
    grace_until_ms: int
    doubt: Doubt | None


def read_mark(text: str) -> Mark | None:
    """Return the mark in `text`, or None for an empty text or an unknown format."""
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
    """Return the node and incarnation that a field of `presence:nodes` names."""
    name, _, incarnation = field.partition(":")
    return Node(name, incarnation)


def dead_nodes(
    now: int, announced: Mapping[Node, int], leases: Mapping[str, str | None], windows: Windows
) -> list[Node]:
    """Return the dead incarnations.

    An incarnation is dead if another incarnation has its node's lease. It is also dead if no incarnation has the lease,
    and its last announcement is older than `node_silence_seconds`. Missing announcements alone are not enough, because
    lease and announcement may be on different servers of a cluster.

    `announced`: unix seconds of each incarnation's last announcement; `leases`: the incarnation in each node's lease.
    """
    dead = []
    for node, at in announced.items():
        holder = leases.get(node.name)
        is_silent = abs(now - at) > windows.node_silence_seconds
        if holder != node.incarnation and (holder is not None or is_silent):
            dead.append(node)
    return dead


class Rounds:
    """The order of the steps of one pass: one batch of each shard in rotation, until no shard has more.

    Because of the rotation, a shard with a hundred thousand expired users does not delay the other shards. Otherwise
    their marks would become too old.
    """

    def __init__(self, shards: Sequence[int]) -> None:
        self._now = list(shards)
        self._next: list[int] = []

    def take(self) -> int | None:
        """Return the shard of the next step; None at the end of the pass."""
        if not self._now:
            self._now, self._next = self._next, []
        return self._now.pop(0) if self._now else None

    def again(self, shard: int) -> None:
        """Schedule a further step in `shard`, because its last step handled a full batch."""
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
        """The number of passes that failed since the last success."""
        return self._failures

    def after_success(self, started: float, now: float) -> float:
        """Return the seconds to wait; 0 after a pass that took longer than the period."""
        self._failures = 0
        return max(0.0, started + self._period - now)

    def after_failure(self, chance: float) -> float:
        """Return the seconds to wait: 50 to 100 % of a delay that doubles. `chance` is uniform in [0, 1)."""
        delay = min(self._longest, self._first * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return delay * (0.5 + chance / 2)
