"""Count and log the passes and steps of the sweeper."""

from __future__ import annotations

import time
from typing import Final

import structlog
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    generate_latest,
)

from roomcast.presence.expiry import Doubt, Node
from roomcast.process.resource_usage import ProcessUsage

_STEP_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1.0)
_PASS_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0)


class Metrics:
    """The metrics of the sweeper, in a separate registry."""

    def __init__(self) -> None:
        self._log = structlog.get_logger(__name__)
        self._last_success = float("-inf")
        self._doubted: dict[str, list[int]] = {}
        self.registry = registry = CollectorRegistry()
        ProcessUsage(registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"roomcast_presence_{name}", text, labels, registry=registry)

        self._passes = counter("passes", "Passes of the sweeper by outcome: `led`, `stood_by` or `failed`", "outcome")
        self._expired = counter(
            "expired_users", "Users who were set offline because no gateway refreshed their presence"
        )
        self._ended_notes = counter("ended_notes", "Users whose note has ended")
        self._doubts = counter(
            "doubts", "Times that a shard stopped expiring users for a grace period, by reason", "reason"
        )
        self._late = counter("late_steps", "Steps that Redis ignored because they arrived too late")
        self._nodes = counter("dropped_nodes", "Dead gateway processes whose connections were removed")
        self._connections = counter("dropped_connections", "Connections of dead gateway processes that were removed")
        self._leader = Gauge("roomcast_presence_leader", "1 while this sweeper leads", registry=registry)
        self._users = Gauge(
            "roomcast_presence_present_users",
            "Users who are present, including invisible users; 0 on a sweeper that does not lead",
            registry=registry,
        )
        self._step = Histogram(
            "roomcast_presence_step_seconds",
            "Duration of a step that set users offline",
            buckets=_STEP_SECONDS,
            registry=registry,
        )
        self._pass = Histogram(
            "roomcast_presence_pass_seconds",
            "Duration of a pass over all shards",
            buckets=_PASS_SECONDS,
            registry=registry,
        )
        for outcome in ("led", "stood_by", "failed"):
            self._passes.labels(outcome)
        for doubt in Doubt:
            self._doubts.labels(doubt.value)

    def is_fresh(self, seconds: float) -> bool:
        """Return whether the last pass succeeded less than `seconds` ago. A pass of a standby sweeper counts, too."""
        return time.monotonic() - self._last_success < seconds

    def exposition(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        return generate_latest(self.registry)

    # --- roomcast.presence.sweeper.Observer ---

    def passed(self, *, leader: bool, users: int, seconds: float) -> None:
        self._last_success = time.monotonic()
        self._passes.labels("led" if leader else "stood_by").inc()
        self._leader.set(leader)
        self._users.set(users)
        if leader:
            self._pass.observe(seconds)
        self._tell_doubts()

    def failed(self, error: str, failures: int) -> None:
        self._last_success = float("-inf")
        self._passes.labels("failed").inc()
        self._leader.set(0)
        if failures & (failures - 1) == 0:  # only the 1st, 2nd, 4th…, so that an outage does not flood the log
            self._log.warning("pass_failed", error=error, failures=failures)

    def expired(self, users: int, seconds: float) -> None:
        self._last_success = time.monotonic()  # a pass over many users takes long, so each step counts as success
        self._expired.inc(users)
        self._step.observe(seconds)

    def notes_ended(self, users: int) -> None:
        self._ended_notes.inc(users)

    def doubted(self, shard: int, doubt: Doubt) -> None:
        self._doubts.labels(doubt.value).inc()
        self._doubted.setdefault(doubt.value, []).append(shard)

    def _tell_doubts(self) -> None:
        """Log one line per pass and reason, because a reason for doubt usually concerns all shards."""
        for reason, shards in self._doubted.items():
            self._log.info("expiry_suspended", reason=reason, shards=shards)
        self._doubted.clear()

    def late(self, shard: int) -> None:
        self._late.inc()
        self._log.warning("step_too_late", shard=shard)

    def node_dropped(self, node: Node, connections: int) -> None:
        self._nodes.inc()
        self._connections.inc(connections)
        self._log.info("node_dropped", node=node.name, incarnation=node.incarnation, connections=connections)
