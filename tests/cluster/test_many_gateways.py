"""Scaling to forty gateways and back to four, behind one nginx that is not reloaded meanwhile."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
import socketio

from deploy.cluster import Cluster, free_base
from tests.cluster import polling
from tests.cluster.test_nginx_affinity import nginx_processes, sign_in

MANY = 40
FEW = 4
FOUND_SECONDS = 60.0


def find(cluster: Cluster, count: int) -> dict[int, polling.Session]:
    """Open sessions until each of the gateways 1 to `count` has one; return them by number."""
    found: dict[int, polling.Session] = {}
    deadline = time.monotonic() + FOUND_SECONDS
    while set(found) != set(range(1, count + 1)):
        assert time.monotonic() < deadline, f"found only {sorted(found)}"
        session = polling.open_session(cluster.url)
        found[session.node] = session
    return found


def connect_to_few(cluster: Cluster, client: socketio.SimpleClient, token: str) -> None:
    """Connect by WebSocket to one of the gateways that the scale-down keeps."""
    for _ in range(10 * MANY):
        client.connect(cluster.url, auth={"token": token}, transports=["websocket"])
        if int(client.receive(timeout=polling.WAIT_SECONDS)[1]["node"]) <= FEW:
            return
        client.disconnect()
    raise AssertionError(f"no session on gateways 1 to {FEW}")


@pytest.mark.long
@pytest.mark.timeout(600)
def test_forty_gateways_are_added_used_and_drained(tmp_path: Path, small_page: Path) -> None:
    limits = {"ROOMCAST_PENDING_PER_ADDRESS": "10000"}
    with ExitStack() as stack:
        cluster = stack.enter_context(
            Cluster(free_base(), tmp_path, page=small_page, gateways=2, capacity=MANY, env=limits)
        )
        before = nginx_processes(cluster)
        cluster.scale(MANY)
        token = sign_in(cluster, "Ada")
        sessions = find(cluster, MANY)
        nodes = [polling.connect(cluster.url, sessions[number], token)["node"] for number in (1, 17, MANY)]
        assert nodes == ["1", "17", str(MANY)]
        stayer = stack.enter_context(socketio.SimpleClient(reconnection=False))
        connect_to_few(cluster, stayer, token)
        assert stayer.call("room:join", {"room": "public:many"}, timeout=polling.WAIT_SECONDS)["ok"]

        cluster.scale(FEW)
        message = {"room": "public:many", "id": "after", "text": "still here"}
        assert stayer.call("message:send", message, timeout=polling.WAIT_SECONDS)["ok"]
        gone = requests.get(polling.endpoint(cluster.url, sessions[MANY].sid), timeout=polling.WAIT_SECONDS)
        assert gone.status_code == 400
        assert nginx_processes(cluster) == before
