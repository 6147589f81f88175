"""The API process: limits, request ids, health, metrics, failures of Redis, and shutdown."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx

from roomcast.api.guard import MAX_BODY_BYTES
from tests import apis, health, servers

PAGE = "/v1/rooms/team:process/messages"


def test_a_missing_or_invalid_request_id_is_replaced_and_a_valid_request_id_is_kept(client: httpx.Client) -> None:
    assert client.get(PAGE, headers={"X-Request-Id": "trace-1.2_3"}).headers["x-request-id"] == "trace-1.2_3"
    made = {client.get(PAGE).headers["x-request-id"] for _ in range(2)}
    assert len(made) == 2
    odd = client.get("/v1/nothing", headers={"X-Request-Id": "a b"})
    assert odd.headers["x-request-id"] != "a b"
    assert odd.json()["request_id"] == odd.headers["x-request-id"]


def test_a_body_with_a_content_length_above_the_limit_is_not_read(api: apis.Api) -> None:
    head = f"POST {PAGE} HTTP/1.1\r\nHost: x\r\nContent-Length: {MAX_BODY_BYTES + 1}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", api.port), timeout=5) as raw:
        raw.sendall(head.encode())
        assert raw.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_a_chunked_body_has_the_same_limit(client: httpx.Client) -> None:
    answer = client.post(PAGE, content=(b"x" * 65_536 for _ in range(MAX_BODY_BYTES // 65_536 + 1)))
    assert (answer.status_code, answer.json()["reason"]) == (413, "too_large")


def test_unknown_http_methods_share_one_metric_label(api: apis.Api, client: httpx.Client) -> None:
    """A client without a key may send any word as the method."""
    for number in range(3):
        assert client.request(f"WORD{number}", "/v1/cluster").status_code == 405
    text = health.get(api.metrics_port, "/metrics")[1]
    assert "WORD" not in text
    assert 'method="other"' in text


def test_metric_labels_are_routes_and_not_rooms(api: apis.Api, client: httpx.Client) -> None:
    client.get(PAGE)
    sample = 'roomcast_api_requests_total{method="GET",route="/v1/rooms/{room}/messages",status="200"}'
    assert health.metric(api.metrics_port, sample) >= 1
    text = health.get(api.metrics_port, "/metrics")[1]
    assert "team:process" not in text
    assert health.complaints(text) == ""


def test_the_api_is_healthy_and_ready(api: apis.Api) -> None:
    assert health.get(api.metrics_port, "/healthz")[0] == 200
    assert health.is_ready(api.metrics_port)


def test_the_openapi_document_is_public_and_has_no_secret(api: apis.Api) -> None:
    answer = httpx.get(f"{api.url}/v1/openapi.json", trust_env=False)
    assert answer.json()["openapi"].startswith("3.1")
    assert api.key not in answer.text


def test_without_redis_the_api_is_unready_and_answers_503(tmp_path: Path) -> None:
    nowhere = f"redis://127.0.0.1:{servers.free_port()}/0"
    with apis.api(tmp_path, nowhere, "rck_some", is_ready=False) as running:
        assert health.get(running.metrics_port, "/healthz")[0] == 200
        assert health.get(running.metrics_port, "/readyz")[0] == 503
        with running.client() as client:
            answer = client.get(PAGE)
        assert (answer.status_code, answer.json()["retryable"]) == (503, True)
        assert running.said().count("Redis does not serve the API") == 1


def test_the_api_recovers_when_redis_comes_back(tmp_path: Path) -> None:
    port = servers.free_port()
    (tmp_path / "redis").mkdir()
    with apis.api(tmp_path, f"redis://127.0.0.1:{port}/0", is_ready=False) as running:
        options = [
            servers.find_tool("redis-server"),
            "--port",
            str(port),
            "--save",
            "",
            "--dir",
            str(tmp_path / "redis"),
        ]
        redis = subprocess.Popen(options, stdout=subprocess.DEVNULL)
        try:
            servers.wait_until(lambda: health.is_ready(running.metrics_port), "readiness")
            servers.stop(redis)
            servers.wait_until(lambda: not health.is_ready(running.metrics_port), "unreadiness")
        finally:
            servers.stop(redis)


def test_a_request_that_is_pending_at_sigterm_is_answered(api_redis: Callable[[str], str], tmp_path: Path) -> None:
    key = asyncio.run(apis.make_key(api_redis("admin"), name="drain"))
    with apis.api(tmp_path, api_redis("api"), key) as running:
        body = json.dumps({"user": "ada", "text": "in flight"}).encode()
        head = f"POST {PAGE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        with socket.create_connection(("127.0.0.1", running.port), timeout=5) as raw:
            raw.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:5])
            busy = "roomcast_api_in_flight_requests"
            servers.wait_until(lambda: health.metric(running.metrics_port, busy) == 1, "a request in flight")
            running.process.send_signal(signal.SIGTERM)
            servers.wait_until(lambda: not servers.is_listening(running.port), "a closed listener")
            raw.sendall(body[5:])
            assert raw.recv(4096).startswith(b"HTTP/1.1 201 ")
        assert running.process.wait(20) == 0


def test_a_port_in_use_causes_one_error_line(api: apis.Api, tmp_path: Path) -> None:
    settings = servers.base_environment() | {
        "ROOMCAST_REDIS_URL": "redis://127.0.0.1:1/0",
        "ROOMCAST_PORT": str(api.port),
        "ROOMCAST_METRICS_PORT": "0",
    }
    argv = [sys.executable, "-m", "roomcast.api"]
    done = subprocess.run(argv, env=settings, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 1
    assert done.stderr.startswith("roomcast api: cannot listen")
    assert done.stderr.count("\n") == 1


async def test_many_requests_at_once_share_the_connections_to_redis(api: apis.Api) -> None:
    """Send more requests than there are connections. Requests wait for a free connection, and no request fails."""
    headers = {"Authorization": f"Bearer {api.key}"}
    limits = httpx.Limits(max_connections=150)
    async with httpx.AsyncClient(
        base_url=api.url, headers=headers, limits=limits, timeout=30, trust_env=False
    ) as client:
        body = {"user": "ada", "text": "at once"}
        answers = await asyncio.gather(
            *(client.post(f"/v1/rooms/team:burst-{number % 7}/messages", json=body) for number in range(150))
        )
    assert {answer.status_code for answer in answers} == {201}
