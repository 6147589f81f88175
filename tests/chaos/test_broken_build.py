"""The checker reports lost messages for a build that does not fill gaps."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.cluster import Cluster
from deploy.layout import ROOT
from loadtest.chaos import experiment, report
from loadtest.chaos.catalogue import find
from loadtest.chaos.experiment import Plan
from loadtest.chaos.unsupervised import private, wait_ready

BROKEN = Path(__file__).with_name("no_gap_filling")
pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def broken_cluster() -> Iterator[Cluster]:
    """Run a cluster whose gateways do not fill gaps."""
    with (
        experiment.own_cluster(replace(find("client-kill-pubsub"), gateways=0)) as cluster,
        private(cluster.state / "logs") as processes,
    ):
        names = [
            processes.gateway(cluster, n, {"PYTHONPATH": f"{BROKEN}:{ROOT}", "ROOMCAST_HOTPATH": "python"})
            for n in (1, 2, 3)
        ]
        asyncio.run(wait_ready([cluster.metrics_url(name, "/readyz") for name in names]))
        yield cluster


def test_the_checker_finds_lost_messages_of_a_build_without_gap_filling(broken_cluster: Cluster, short: Plan) -> None:
    hurried = replace(short, span=replace(short.span, finish=3.0))
    result = experiment.run_on(broken_cluster, find("client-kill-pubsub"), hurried, print)
    assert result.verdict is not None, result.not_run
    assert result.verdict.counts["lost"] > 0, report.as_text(result)
    assert report.exit_status([result]) == 1
