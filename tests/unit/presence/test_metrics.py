"""The metrics of the sweeper."""

from __future__ import annotations

import re

from roomcast.presence.expiry import Doubt, Node
from roomcast.presence.metrics import Metrics


def sample(metrics: Metrics, name: str) -> float:
    """Return the value of a sample. `name` includes the labels."""
    found = re.search(rf"^{re.escape(name)} (\S+)$", metrics.exposition().decode(), re.MULTILINE)
    assert found is not None, name
    return float(found[1])


def test_every_outcome_and_doubt_has_a_sample_at_the_start() -> None:
    metrics = Metrics()
    for outcome in ("led", "stood_by", "failed"):
        assert sample(metrics, f'roomcast_presence_passes_total{{outcome="{outcome}"}}') == 0
    for doubt in Doubt:
        assert sample(metrics, f'roomcast_presence_doubts_total{{reason="{doubt.value}"}}') == 0


def test_the_sweeper_is_ready_after_a_pass_and_not_ready_after_a_failure() -> None:
    metrics = Metrics()
    assert not metrics.is_fresh(5.0)
    metrics.passed(leader=True, users=7, seconds=0.01)
    assert metrics.is_fresh(5.0)
    assert sample(metrics, "roomcast_presence_leader") == 1
    assert sample(metrics, "roomcast_presence_present_users") == 7
    metrics.failed("no answer within 1 s", 1)
    assert not metrics.is_fresh(5.0)
    assert sample(metrics, "roomcast_presence_leader") == 0
    metrics.passed(leader=False, users=0, seconds=0.01)
    assert sample(metrics, 'roomcast_presence_passes_total{outcome="stood_by"}') == 1


def test_reported_events_are_counted() -> None:
    metrics = Metrics()
    metrics.expired(3, 0.001)
    metrics.late(4)
    metrics.node_dropped(Node("1", "a"), 25)
    metrics.doubted(0, Doubt.GAP)
    metrics.doubted(1, Doubt.GAP)
    metrics.passed(leader=True, users=0, seconds=0.01)
    assert metrics.is_fresh(5.0)
    assert sample(metrics, "roomcast_presence_expired_users_total") == 3
    assert sample(metrics, "roomcast_presence_late_steps_total") == 1
    assert sample(metrics, "roomcast_presence_dropped_nodes_total") == 1
    assert sample(metrics, "roomcast_presence_dropped_connections_total") == 25
    assert sample(metrics, 'roomcast_presence_doubts_total{reason="gap"}') == 2
