"""Routing by nginx: a session stays with its gateway, new sessions are spread, and clients cannot choose an address."""

from __future__ import annotations

from collections import Counter

import psutil
import pytest
import requests
import socketio

from deploy.cluster import Cluster
from tests.cluster import polling

UNKNOWN_SESSION = {"code": 1, "message": "Session ID unknown"}


def sign_in(cluster: Cluster, name: str) -> str:
    answer = requests.post(f"{cluster.url}/dev/login", json={"name": name}, timeout=polling.WAIT_SECONDS)
    answer.raise_for_status()
    token: str = answer.json()["token"]
    return token


@pytest.mark.parametrize("transports", [["polling"], ["polling", "websocket"], ["websocket"]], ids=str)
def test_stock_clients_are_spread_over_both_gateways(cluster: Cluster, transports: list[str]) -> None:
    nodes = Counter[str]()
    for number in range(8):
        with socketio.SimpleClient() as client:
            token = sign_in(cluster, f"Guest {number}")
            client.connect(cluster.url, auth={"token": token}, transports=transports)
            event, payload = client.receive(timeout=polling.WAIT_SECONDS)
            assert event == "ready"
            nodes[payload["node"]] += 1
            answer = client.call("room:join", {"room": "public:lobby"}, timeout=polling.WAIT_SECONDS)
            assert answer["ok"]
    assert set(nodes) == {"1", "2"}
    assert min(nodes.values()) >= 2


def test_polling_sessions_reach_their_own_gateway(cluster: Cluster) -> None:
    token = sign_in(cluster, "Ada")
    sessions = [polling.open_session(cluster.url) for _ in range(10)]
    nodes = [polling.connect(cluster.url, session, token)["node"] for session in sessions]
    assert nodes == [str(session.node) for session in sessions]
    assert set(nodes) == {"1", "2"}


def test_every_new_session_succeeds_while_most_gateway_ports_are_unused(cluster: Cluster) -> None:
    spread = Counter(polling.open_session(cluster.url).node for _ in range(60))
    assert set(spread) == {1, 2}
    assert spread.total() == 60
    assert min(spread.values()) >= 20


def test_polling_sessions_are_spread_evenly_beside_websockets(cluster: Cluster) -> None:
    with socketio.SimpleClient() as client:
        client.connect(cluster.url, auth={"token": sign_in(cluster, "Ada")}, transports=["websocket"])
        spread = Counter(polling.open_session(cluster.url).node for _ in range(20))
    assert min(spread[1], spread[2]) >= 6


def test_new_websockets_go_to_the_gateway_with_fewer_connections(cluster: Cluster) -> None:
    clients = [socketio.SimpleClient() for _ in range(6)]
    try:
        for client in clients:
            client.connect(cluster.url, auth={"token": sign_in(cluster, "Ada")}, transports=["websocket"])
        nodes = Counter(client.receive(timeout=polling.WAIT_SECONDS)[1]["node"] for client in clients)
    finally:
        for client in clients:
            client.disconnect()
    assert min(nodes["1"], nodes["2"]) >= 2


FOREIGN = [
    "127.0.0.1:80",
    "g0.aaaa",
    "g17.aaaa",
    "g01.aaaa",
    "g1",
    "g1.",
    "G1.aaaa",
    "g1x.aaaa",
    "gateway_1",
    "..",
    "x.g1.a",
]


@pytest.mark.parametrize("sid", FOREIGN)
def test_a_malformed_session_id_is_answered_as_unknown(cluster: Cluster, sid: str) -> None:
    answer = requests.get(polling.endpoint(cluster.url, sid), timeout=polling.WAIT_SECONDS)
    assert (answer.status_code, answer.json()) == (400, UNKNOWN_SESSION)
    assert polling.open_session(cluster.url)


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_session_id_of_a_missing_gateway_is_answered_as_unknown(cluster: Cluster, transport: str) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"} if transport == "websocket" else {}
    url = polling.endpoint(cluster.url, "g9.abcdefghijklmnop", transport)
    answer = requests.get(url, headers=upgrade, timeout=polling.WAIT_SECONDS)
    assert (answer.status_code, answer.json()) == (400, UNKNOWN_SESSION)


def test_a_killed_gateway_ends_only_its_own_sessions(cluster: Cluster) -> None:
    mine, other = sorted((polling.open_session(cluster.url) for _ in range(2)), key=lambda session: session.node)
    pid = cluster.kill("gateway1")
    answer = requests.get(polling.endpoint(cluster.url, mine.sid), timeout=polling.WAIT_SECONDS)
    assert (answer.status_code, answer.json()) == (400, UNKNOWN_SESSION)
    assert {polling.open_session(cluster.url).node for _ in range(6)} <= {1, 2}
    assert polling.connect(cluster.url, other, sign_in(cluster, "Grace"))["node"] == "2"
    assert cluster.wait_replaced("gateway1", pid) != pid


def nginx_processes(cluster: Cluster) -> set[int]:
    master = psutil.Process(cluster.pids()["nginx"])
    return {master.pid, *(worker.pid for worker in master.children())}


def test_gateways_are_added_and_removed_without_a_reload_of_nginx(cluster: Cluster) -> None:
    before = nginx_processes(cluster)
    with socketio.SimpleClient(reconnection=False) as client:
        client.connect(cluster.url, auth={"token": sign_in(cluster, "Edsger")}, transports=["websocket"])
        _, ready = client.receive(timeout=polling.WAIT_SECONDS)
        assert ready["node"] in ("1", "2")
        cluster.scale(4)
        polling.wait_until_reached(cluster.url, {3, 4})
        cluster.scale(2)
        assert sorted(name for name in cluster.pids() if name.startswith("gateway")) == ["gateway1", "gateway2"]
        assert {polling.open_session(cluster.url).node for _ in range(20)} <= {1, 2}
        assert client.call("room:join", {"room": "public:lobby"}, timeout=polling.WAIT_SECONDS)["ok"]
    assert nginx_processes(cluster) == before


def test_without_gateways_a_new_session_is_refused_with_retry_after(cluster: Cluster) -> None:
    cluster.scale(0)
    try:
        answer = requests.get(polling.endpoint(cluster.url), timeout=polling.WAIT_SECONDS)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    finally:
        cluster.scale(2)
    polling.wait_until_reached(cluster.url, {1, 2})
