"""Five experiments in their short form, on one cluster. `make chaos` runs all experiments in full.

The tests check the verdict on all messages and the counted figures, but no times: times need an idle machine.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.cluster import Cluster
from loadtest.chaos import experiment, report
from loadtest.chaos.catalogue import find
from loadtest.chaos.experiment import Plan

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with experiment.own_cluster(find("kill-gateway")) as running:
        yield running


@pytest.mark.parametrize(
    "name", ["kill-gateway", "client-kill-pubsub", "redis-restart-aof", "redis-rollback", "redis-empty"]
)
def test_every_message_arrives_once_and_in_order_or_its_loss_is_declared(
    cluster: Cluster, name: str, short: Plan
) -> None:
    result = experiment.run_on(cluster, find(name), short, print)
    assert result.verdict is not None, result.not_run
    told = report.as_text(result)
    assert result.verdict.failures == [], told
    assert result.verdict.deliveries > 1000, told
    assert [figure for figure in result.figures if not figure.unit and not figure.holds] == [], told
