"""The metrics of every kind of process are well formed, and have no labels for users or rooms."""

from __future__ import annotations

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from deploy.cluster import Cluster
from tests import health
from tests.cluster.room_clients import LOBBY, Party
from tests.integration.media_rig import picture

KINDS = ["gateway1", "gateway2", "sweeper1", "signer1"]


@pytest.fixture
async def used(cluster: Cluster) -> Cluster:
    """Return the cluster after a user has sent a message and requested an upload."""
    party = Party(cluster)
    for person in await party.apart():
        await person.join(LOBBY)
        await person.send("hello")
        await person.call("media:sign", room=LOBBY, name="a.png", type="image/png", size=len(picture()))
    await party.close()
    return cluster


async def test_metric_names_start_with_roomcast_and_have_no_user_or_room_labels(used: Cluster) -> None:
    for name in KINDS:
        answer = requests.get(used.metrics_url(name), timeout=20)
        assert answer.status_code == 200
        families = list(text_string_to_metric_families(answer.text))
        own = [family for family in families if not family.name.startswith(("python_", "process_"))]
        assert own
        assert all(family.name.startswith("roomcast_") and family.documentation for family in own)
        labels = {label for family in own for sample in family.samples for label in sample.labels}
        assert not labels & {"room", "user", "session", "sid"}


async def test_promtool_accepts_the_metrics(used: Cluster) -> None:
    for name in KINDS:
        text = requests.get(used.metrics_url(name), timeout=20).text
        assert health.complaints(text) == "", name
