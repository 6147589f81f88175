"""Every query of every dashboard returns data from a cluster in use, under a real Prometheus with our alerts."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from deploy.cluster import Cluster
from deploy.control import Control
from deploy.observability import dashboards, observe
from tests.cluster.room_clients import LOBBY, Party
from tests.integration.media_rig import picture
from tests.servers import free_port, wait_until

RATE_INTERVAL = "20s"
WITHOUT_FAULTS = {"Refused requests by status", "Messages for the publish hook, by outcome"}
"""Panels that may be empty: their data exist only during a fault or with a publish hook."""


@pytest.fixture
def prometheus(cluster: Cluster, tmp_path: Path) -> Iterator[str]:
    """Run a Prometheus that scrapes the cluster every second; yield its address."""
    port = free_port()
    cluster.control.scale("api", 1)
    targets = observe.targets_of(Control(cluster.state))
    (tmp_path / "prometheus.yml").write_text(observe.configuration(targets, scrape_seconds=1))
    with subprocess.Popen(observe.command(tmp_path, port)) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            cluster.control.scale("api", 0)


def ask(prometheus: str, query: str) -> list[Any]:
    answer = requests.get(f"{prometheus}/api/v1/query", params={"query": query}, timeout=20).json()
    assert answer["status"] == "success", answer
    found: list[Any] = answer["data"]["result"]
    return found


async def use(cluster: Cluster) -> None:
    """Send messages, request an upload, and publish by the API, so that every counter of ordinary work grows."""
    party = Party(cluster)
    for person in await party.apart():
        await person.join(LOBBY)
        await person.call("inbox:list", live=True)
        for _ in range(3):
            await person.send("hello")
        await person.call("media:sign", room=LOBBY, name="a.png", type="image/png", size=len(picture()))
    await party.close()
    headers = {"Authorization": f"Bearer {cluster.control.credentials.api_key}"}
    url = f"http://127.0.0.1:{cluster.ports.api(1)}/v1/rooms/{LOBBY}/messages"
    assert requests.post(url, json={"user": "bot", "text": "hello"}, headers=headers, timeout=20).status_code == 201


async def test_every_panel_has_data(cluster: Cluster, prometheus: str) -> None:
    wait_until(lambda: _is_scraped(prometheus), "all jobs scraped", seconds=30)
    await use(cluster)
    panels = [panel for dashboard in dashboards.DASHBOARDS for panel in dashboard.panels]
    queries = {
        (panel.title, query.replace("$__rate_interval", RATE_INTERVAL))
        for panel in panels
        for query in panel.queries.values()
    }

    def empty() -> set[str]:
        return {title for title, query in queries if not ask(prometheus, query)}

    wait_until(lambda: empty() <= WITHOUT_FAULTS, "data for every panel", seconds=30)


def _is_scraped(prometheus: str) -> bool:
    try:
        return len(ask(prometheus, "count by (job) (up == 1)")) == len(observe.JOBS)
    except requests.RequestException:  # not listening yet, or answering 503 while it starts
        return False


def test_prometheus_evaluates_the_alerts_and_no_critical_alert_is_pending(prometheus: str) -> None:
    """An alert with a `for` is pending first, so in a test of a few seconds a real fault shows as a pending alert."""
    wait_until(lambda: _is_scraped(prometheus), "all jobs scraped", seconds=30)
    wait_until(lambda: set(_health_of_rules(prometheus)) == {"ok"}, "all rules are evaluated", seconds=30)
    wait_until(lambda: ask(prometheus, 'ALERTS{severity="critical"}') == [], "no critical alert is pending", seconds=30)


def _health_of_rules(prometheus: str) -> list[str]:
    groups = requests.get(f"{prometheus}/api/v1/rules", timeout=20).json()["data"]["groups"]
    return [rule["health"] for group in groups for rule in group["rules"]]


@pytest.mark.parametrize("dashboard", dashboards.DASHBOARDS, ids=lambda dashboard: dashboard.name)
def test_the_file_of_a_dashboard_equals_the_generated_one(dashboard: dashboards.Dashboard) -> None:
    text = (dashboards.FOLDER / f"{dashboard.name}.json").read_text()
    assert text == dashboards.render(dashboard)
    assert json.loads(text)["panels"]
