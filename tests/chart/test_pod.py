"""The chart's gateway pods, run as processes on this machine: command, environment, probes, preStop and drain."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import socketio

from roomcast.contract.tokens import sign
from tests.chart.conftest import REQUIRED, Object, Render, merged, the
from tests.servers import free_port, redis_server, wait_until

SECRET = "s" * 32


def environment(container: Object, ordinal: int, secrets: dict[str, str]) -> dict[str, str]:
    """Return the environment that the kubelet would give to the container."""
    found: dict[str, str] = {"PATH": os.environ["PATH"]}
    for variable in container["env"]:
        source = variable.get("valueFrom", {})
        if "value" in variable:
            found[variable["name"]] = variable["value"]
        elif "fieldRef" in source:
            assert source["fieldRef"]["fieldPath"] == "metadata.labels['apps.kubernetes.io/pod-index']"
            found[variable["name"]] = str(ordinal)
        else:
            found[variable["name"]] = secrets[source["secretKeyRef"]["key"]]
    return found


class Pod:
    """One gateway pod as a process, on free ports of this machine instead of the pod's own."""

    def __init__(self, stateful: Object, secrets: dict[str, str], ordinal: int, log: Path) -> None:
        self.spec = stateful["spec"]["template"]["spec"]
        self.container = self.spec["containers"][0]
        self.socket, self.metrics = free_port(), free_port()
        env = environment(self.container, ordinal, secrets)
        env |= {
            "ROOMCAST_HOST": "127.0.0.1",
            "ROOMCAST_PORT": str(self.socket),
            "ROOMCAST_METRICS_PORT": str(self.metrics),
        }
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, *self.container["args"]], env=env, stdout=output, stderr=output
            )

    def probe(self, name: str) -> bool:
        path = self.container[name]["httpGet"]["path"]
        try:
            return requests.get(f"http://127.0.0.1:{self.metrics}{path}", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def terminate(self) -> float:
        """End the pod as the kubelet does: preStop, then SIGTERM, within the grace period. Return the seconds used."""
        started = time.monotonic()
        grace = self.spec["terminationGracePeriodSeconds"]
        subprocess.run(self.container["lifecycle"]["preStop"]["exec"]["command"], check=True, timeout=grace)
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(grace - (time.monotonic() - started))
        return time.monotonic() - started


@contextmanager
def running(stateful: Object, secrets: dict[str, str], ordinal: int, folder: Path) -> Iterator[Pod]:
    pod = Pod(stateful, secrets, ordinal, folder / f"gateway-{ordinal}.log")
    try:
        wait_until(lambda: pod.probe("startupProbe"), "the pod has started", seconds=60)
        wait_until(lambda: pod.probe("readinessProbe"), "the pod is ready", seconds=30)
        yield pod
    finally:
        pod.process.kill()
        pod.process.wait()


@pytest.fixture
def redis_port(tmp_path: Path) -> Iterator[int]:
    folder = tmp_path / "redis"
    folder.mkdir()
    with redis_server(folder) as port:
        yield port


def test_a_terminated_pod_drains_and_exits_with_0_within_the_grace_period(
    render: Render, redis_port: int, tmp_path: Path
) -> None:
    url = f"redis://127.0.0.1:{redis_port}"
    objects = render(merged(REQUIRED, {"redis": {"gatewayUrl": url}}))
    stateful, secret = the(objects, "StatefulSet", "chat-gateway"), the(objects, "Secret", "chat-secrets")
    secrets: dict[str, str] = secret["stringData"]
    with running(stateful, secrets, 1, tmp_path) as first, running(stateful, secrets, 2, tmp_path) as second:
        assert first.probe("livenessProbe")
        with socketio.SimpleClient() as client:
            client.connect(
                f"http://127.0.0.1:{second.socket}", auth={"token": sign(SECRET, "ada")}, transports=["websocket"]
            )
            name, ready = client.receive(timeout=20)
            assert (name, ready["node"]) == ("ready", "2")
            seconds = second.terminate()
        assert second.process.returncode == 0
        assert seconds < stateful["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        assert not second.probe("livenessProbe")
        assert first.probe("readinessProbe")


def test_a_pod_without_redis_is_alive_but_not_ready(render: Render, tmp_path: Path) -> None:
    objects = render(merged(REQUIRED, {"redis": {"gatewayUrl": f"redis://127.0.0.1:{free_port()}"}}))
    secrets: dict[str, Any] = the(objects, "Secret", "chat-secrets")["stringData"]
    pod = Pod(the(objects, "StatefulSet", "chat-gateway"), secrets, 1, tmp_path / "log")
    try:
        wait_until(lambda: pod.probe("livenessProbe"), "the pod is alive", seconds=60)
        assert not pod.probe("readinessProbe")
    finally:
        pod.process.kill()
        pod.process.wait()
