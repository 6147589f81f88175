"""Requests that nginx forwards or refuses: what clients receive, and what the servers behind nginx receive."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
from aiohttp import web
from yarl import URL

from deploy import free_ports, nginx_config, prepare, tools
from deploy.cluster import Cluster, free_base
from deploy.layout import HOST, Paths, Ports
from deploy.processes import nginx_command
from tests import servers
from tests.cluster import polling

UPLOAD_BYTES = 300_000
BUCKET = nginx_config.S3_BUCKET


@dataclass
class Recorder:
    """A server behind nginx that records the requests it gets."""

    name: str
    status: int = 200
    requests: list[tuple[str, str, dict[str, str], int]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((request.method, request.raw_path, headers, len(body)))
        return web.Response(text=self.name, status=self.status, headers={"Retry-After": "7"})


@dataclass
class Edge:
    url: str
    gateways: list[Recorder]
    storage: Recorder
    ports: Ports

    def headers(self) -> dict[str, str]:
        """Return the headers of the last request that reached a gateway."""
        (headers,) = [gateway.requests[-1][2] for gateway in self.gateways if gateway.requests]
        return headers


@asynccontextmanager
async def running_edge(folder: Path, page: Path, fronts: Sequence[str] = ()) -> AsyncIterator[Edge]:
    """Run the nginx of a cluster, with recorders where gateways 1 and 2 and the storage would be."""
    ports = Ports(free_base())
    recorders = [(ports.gateway(1), Recorder("g1")), (ports.gateway(2), Recorder("g2")), (ports.s3, Recorder("s3"))]
    runners = []
    for port, recorder in recorders:
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", recorder.answer)
        runners.append(web.AppRunner(app))
        await runners[-1].setup()
        await web.TCPSite(runners[-1], "127.0.0.1", port).start()
    values = nginx_config.local_values(ports, cpus=1, open_files=1024, upload_bytes=UPLOAD_BYTES, fronts=fronts)
    (folder / "run").mkdir()
    with prepare.public_folder(folder) as public:
        prepare.publish_page(page, public)
        paths = Paths(state=folder, public=public)
        paths.nginx_config.write_text(nginx_config.render(values))
        process = subprocess.Popen(nginx_command(str(tools.require("nginx")), paths, prepare.worker_user()))
        try:
            servers.wait_until(lambda: servers.is_listening(ports.page), "nginx")
            yield Edge(f"http://localhost:{ports.page}", [recorders[0][1], recorders[1][1]], recorders[2][1], ports)
        finally:
            servers.stop(process)
            for runner in runners:
                await runner.cleanup()
            free_ports.release_block(ports.page)


@pytest.fixture
async def edge(tmp_path: Path, small_page: Path) -> AsyncIterator[Edge]:
    async with running_edge(tmp_path, small_page) as running:
        yield running


# --- towards the gateways ---------------------------------------------------------------------------------------------


async def test_a_gateway_receives_the_real_peer_address_and_host(edge: Edge, http: aiohttp.ClientSession) -> None:
    spoofed = {"X-Forwarded-For": "10.9.8.7", "Forwarded": "for=10.9.8.7", "X-Forwarded-Proto": "https"}
    spoofed["X-Forwarded-Host"] = "evil.example"
    await http.get(polling.endpoint(edge.url), headers=spoofed)
    seen = edge.headers()
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "http"
    assert not {"forwarded", "x-forwarded-host"}.intersection(seen)
    assert seen["host"] == edge.url.removeprefix("http://")


@pytest.mark.parametrize(("asked", "passed"), [("websocket", "websocket"), ("WebSocket", "websocket"), ("h2c", None)])
async def test_nginx_forwards_only_upgrades_to_websocket(
    edge: Edge, http: aiohttp.ClientSession, asked: str, passed: str | None
) -> None:
    await http.get(polling.endpoint(edge.url), headers={"Connection": "Upgrade", "Upgrade": asked})
    assert edge.headers().get("upgrade") == passed


async def test_nginx_forwards_a_503_and_does_not_regard_the_gateway_as_failed(
    edge: Edge, http: aiohttp.ClientSession
) -> None:
    for gateway in edge.gateways:
        gateway.status = 503
    for _ in range(4):
        answer = await http.get(polling.endpoint(edge.url))
        assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
    assert [len(gateway.requests) for gateway in edge.gateways] == [2, 2]


async def test_sign_ins_do_not_change_the_spread_of_new_sessions(edge: Edge, http: aiohttp.ClientSession) -> None:
    answers = []
    for _ in range(6):
        await http.post(f"{edge.url}/dev/login", json={"name": "Ada"})
        answers.append(await (await http.get(polling.endpoint(edge.url))).text())
    assert (answers.count("g1"), answers.count("g2")) == (3, 3)


async def test_a_session_id_leads_to_its_own_gateway(edge: Edge, http: aiohttp.ClientSession) -> None:
    for sid, name in (("g1.aaaa", "g1"), ("g2.aaaa", "g2")):
        answer = await http.get(polling.endpoint(edge.url, sid))
        assert await answer.text() == name


@pytest.mark.parametrize(
    "path", ["/socket.io?EIO=4&transport=polling", "/socket.io?EIO=4&transport=polling&sid=g1.aaaa"]
)
async def test_the_socket_io_path_works_without_its_trailing_slash(
    edge: Edge, http: aiohttp.ClientSession, path: str
) -> None:
    answer = await http.get(edge.url + path, allow_redirects=False)
    assert answer.status == 200
    (seen,) = [request[1] for gateway in edge.gateways for request in gateway.requests]
    assert seen == path.replace("/socket.io?", "/socket.io/?")


# --- TLS in front of nginx --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "passed"), [("https", "https"), ("wss", "https"), ("http", "http"), ("ws", "http"), ("gopher", "http")]
)
async def test_nginx_uses_the_forwarded_headers_of_a_front_proxy(
    tmp_path: Path, small_page: Path, http: aiohttp.ClientSession, said: str, passed: str
) -> None:
    headers = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": said, "X-Forwarded-Host": "chat.example"}
    async with running_edge(tmp_path, small_page, fronts=["127.0.0.1/32"]) as edge:
        await http.get(polling.endpoint(edge.url), headers=headers)
        seen = edge.headers()
        page = await http.get(edge.url, headers=headers | {"Host": "chat.example"})
        local = await http.get(edge.url, headers=headers)
    assert (seen["x-forwarded-proto"], seen["x-forwarded-for"]) == (passed, "203.0.113.9")
    assert seen["x-forwarded-host"] == "chat.example"
    assert page.headers.get("Strict-Transport-Security") == ("max-age=15552000" if passed == "https" else None)
    assert "Strict-Transport-Security" not in local.headers


async def test_nginx_ignores_forwarded_headers_of_other_peers(
    tmp_path: Path, small_page: Path, http: aiohttp.ClientSession
) -> None:
    headers = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    async with running_edge(tmp_path, small_page, fronts=["10.0.0.0/8"]) as edge:
        await http.get(polling.endpoint(edge.url), headers=headers)
        seen = edge.headers()
    assert (seen["x-forwarded-proto"], seen["x-forwarded-for"]) == ("http", "127.0.0.1")


# --- answers of nginx itself, read by a page of another origin --------------------------------------------------------

ORIGIN = {"Origin": "https://app.example.com"}


@pytest.mark.parametrize(
    ("method", "sid", "size", "status", "code"),
    [
        ("GET", "g17.aaaa", 0, 400, 1),
        ("GET", "nonsense", 0, 400, 1),
        ("GET", "g9.aaaa", 0, 400, 1),
        ("POST", "g1.aaaa", 1_100_000, 413, 413),
    ],
)
async def test_a_page_of_another_origin_can_read_a_refusal(
    edge: Edge, http: aiohttp.ClientSession, method: str, sid: str, size: int, status: int, code: int
) -> None:
    answer = await http.request(method, polling.endpoint(edge.url, sid), data=b"x" * size, headers=ORIGIN)
    assert (answer.status, (await answer.json())["code"]) == (status, code)
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN["Origin"]
    assert (answer.headers["Access-Control-Allow-Credentials"], answer.headers["Vary"]) == ("true", "Origin")


async def test_a_page_of_another_origin_can_read_the_refusal_of_large_headers(
    edge: Edge, http: aiohttp.ClientSession
) -> None:
    answer = await http.get(polling.endpoint(edge.url), headers=ORIGIN | {"X-Large": "x" * 9_000})
    assert (answer.status, (await answer.json())["code"]) == (400, 3)
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN["Origin"]


async def test_a_page_of_another_origin_can_read_retry_after(cluster: Cluster, http: aiohttp.ClientSession) -> None:
    cluster.scale(0)
    try:
        answer = await http.get(polling.endpoint(cluster.url), headers=ORIGIN)
    finally:
        cluster.scale(2)
        polling.wait_until_reached(cluster.url, {1, 2})
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN["Origin"]
    assert answer.headers["Access-Control-Expose-Headers"] == "Retry-After"


async def test_without_an_origin_there_are_no_cors_headers(edge: Edge, http: aiohttp.ClientSession) -> None:
    answer = await http.get(polling.endpoint(edge.url, "nonsense"))
    assert not {name for name in answer.headers if name.startswith("Access-Control-Allow") or name == "Vary"}


@pytest.mark.parametrize(("origin", "status"), [("https://chat.example", 200), ("https://evil.example", 403)])
async def test_behind_a_tls_proxy_only_the_origin_of_the_same_host_is_accepted(
    cluster: Cluster, http: aiohttp.ClientSession, origin: str, status: int
) -> None:
    """A gateway accepts the origin of the page's own host in addition to its configured origins."""
    headers = {"Host": "chat.example", "Origin": origin}
    assert (await http.get(polling.endpoint(cluster.url), headers=headers)).status == status


async def test_nginx_adds_no_cors_header_to_an_answer_of_a_gateway(edge: Edge, http: aiohttp.ClientSession) -> None:
    answer = await http.get(polling.endpoint(edge.url), headers=ORIGIN)
    assert answer.headers.getall("Access-Control-Allow-Origin", []) == []


# --- addresses that do not answer -------------------------------------------------------------------------------------


@contextmanager
def silent(port: int) -> Iterator[None]:
    """Make connections to a port hang: fill the queue of a server that never accepts, so the kernel drops them."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((HOST, port))
        server.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex((HOST, port))
        probe = stack.enter_context(socket.socket())
        probe.settimeout(0.2)
        with pytest.raises(TimeoutError):
            probe.connect((HOST, port))
        yield


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_new_sessions_avoid_gateways_that_do_not_answer(
    edge: Edge, http: aiohttp.ClientSession, transport: str
) -> None:
    """Three of five gateways do not answer: each new session is still served within a client's timeout."""
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"} if transport == "websocket" else {}
    with silent(edge.ports.gateway(3)), silent(edge.ports.gateway(4)), silent(edge.ports.gateway(5)):
        async with asyncio.timeout(30):
            answers = [
                await http.get(polling.endpoint(edge.url, transport=transport), headers=upgrade) for _ in range(8)
            ]
    assert [answer.status for answer in answers] == [200] * 8
    assert {await answer.text() for answer in answers} == {"g1", "g2"}


async def test_a_session_of_a_gateway_that_does_not_answer_is_unknown(edge: Edge, http: aiohttp.ClientSession) -> None:
    with silent(edge.ports.gateway(3)):
        answer = await http.get(polling.endpoint(edge.url, "g3.aaaa"))
    assert (answer.status, (await answer.json())["code"]) == (400, 1)


# --- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        ("/socket.io/?EIO=4&transport=polling&sid=g1.aaaa", 1_000_000, 200),
        ("/socket.io/?EIO=4&transport=polling&sid=g1.aaaa", 1_100_000, 413),
        ("/dev/login", 4_000, 200),
        ("/dev/login", 5_000, 413),
        (f"/{BUCKET}/", UPLOAD_BYTES + 1_000, 200),
        (f"/{BUCKET}", UPLOAD_BYTES + 1_000, 200),
        (f"/{BUCKET}/", UPLOAD_BYTES + 100_000, 413),
    ],
)
async def test_nginx_limits_the_size_of_bodies(
    edge: Edge, http: aiohttp.ClientSession, path: str, size: int, status: int
) -> None:
    answer = await http.post(edge.url + path, data=b"x" * size)
    assert answer.status == status
    reached = [row for recorder in (*edge.gateways, edge.storage) for row in recorder.requests]
    assert [row[3] for row in reached] == ([size] if status == 200 else [])


async def test_nginx_limits_the_size_of_headers(edge: Edge, http: aiohttp.ClientSession) -> None:
    answer = await http.get(polling.endpoint(edge.url), headers={"X-Long": "x" * 9_000})
    assert answer.status == 400
    assert not any(gateway.requests for gateway in edge.gateways)


# --- object storage ---------------------------------------------------------------------------------------------------


async def test_the_storage_receives_the_path_and_host_that_were_signed(edge: Edge, http: aiohttp.ClientSession) -> None:
    path = f"/{BUCKET}/a/b%20c?X-Amz-Signature=0&x=%2F"
    answer = await http.get(URL(edge.url + path, encoded=True))
    method, raw_path, headers, _ = edge.storage.requests[-1]
    assert (method, raw_path) == ("GET", path)
    assert headers["host"] == edge.url.removeprefix("http://")
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
@pytest.mark.parametrize(
    "query", ["", "?X-Amz-Credential=key", "?AWSAccessKeyId=key&Signature=x&Expires=9", "?x=X-Amz-Signature=0"]
)
async def test_unsigned_requests_never_reach_the_storage(
    edge: Edge, http: aiohttp.ClientSession, method: str, query: str
) -> None:
    for path in (f"/{BUCKET}", f"/{BUCKET}/", f"/{BUCKET}/2026/11/a.png"):
        answer = await http.request(method, URL(edge.url + path + query, encoded=True))
        assert answer.status == 403
    assert edge.storage.requests == []


async def test_the_storage_receives_no_authorization_and_no_cookie(edge: Edge, http: aiohttp.ClientSession) -> None:
    headers = {"Authorization": "AWS key:x", "Cookie": "session=1", "Range": "bytes=0-1"}
    await http.get(f"{edge.url}/{BUCKET}/a.png?X-Amz-Signature=0", headers=headers)
    _, _, seen, _ = edge.storage.requests[-1]
    assert {"authorization", "cookie"}.isdisjoint(seen)
    assert seen["range"] == "bytes=0-1"


@pytest.mark.parametrize(
    ("name", "plays"), [("a.mp4", True), ("a.m4a", True), ("a.png", False), ("a.pdf", False), ("a.mp4.txt", False)]
)
async def test_only_video_and_audio_files_get_a_policy_with_media_src(
    edge: Edge, http: aiohttp.ClientSession, name: str, plays: bool
) -> None:
    answer = await http.get(f"{edge.url}/{BUCKET}/2026/11/{name}?X-Amz-Signature=0")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert ("media-src 'self'" in policy) is plays


@pytest.mark.parametrize("method", ["DELETE", "PATCH"])
async def test_delete_and_patch_never_reach_the_storage(edge: Edge, http: aiohttp.ClientSession, method: str) -> None:
    answer = await http.request(method, f"{edge.url}/{BUCKET}/a")
    assert answer.status == 403
    assert edge.storage.requests == []


@pytest.mark.parametrize(
    "path",
    ["/other-bucket/a", f"/{BUCKET}x/a", f"/{BUCKET}/../other/a", f"/{BUCKET}/%2e%2e/other/a", "/_ministack/health"],
)
def test_no_other_path_of_the_storage_is_reachable(edge: Edge, path: str) -> None:
    host = edge.url.removeprefix("http://")
    answer = polling.raw(edge.url, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404")
    assert edge.storage.requests == []


# --- paths that are not public ----------------------------------------------------------------------------------------

HIDDEN = [
    "/metrics",
    "/healthz",
    "/readyz",
    "/metrics/",
    "//metrics",
    "/%6detrics",
    "/x/../metrics",
    "/ops/kick",
    "/nginx.conf",
]


@pytest.mark.parametrize("path", HIDDEN)
def test_operators_paths_are_not_reachable_through_nginx(cluster: Cluster, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: localhost:{cluster.ports.page}\r\nConnection: close\r\n\r\n"
    assert polling.raw(cluster.url, request.encode()).startswith(b"HTTP/1.1 404")


async def test_operators_paths_answer_on_the_health_ports(cluster: Cluster, http: aiohttp.ClientSession) -> None:
    for name in ("gateway1", "sweeper1", "signer1"):
        for path in ("/metrics", "/healthz", "/readyz"):
            assert (await http.get(cluster.metrics_url(name, path))).status == 200


# --- the page ---------------------------------------------------------------------------------------------------------


async def test_the_page_is_served_with_its_security_headers(cluster: Cluster, http: aiohttp.ClientSession) -> None:
    answer = await http.get(f"{cluster.url}/")
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-cache"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert f"connect-src 'self' {cluster.url};" in policy
    assert f"img-src 'self' blob: data: {cluster.url} https:;" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Server"] == "nginx"


async def test_hashed_assets_are_cacheable_and_compressed(cluster: Cluster, http: aiohttp.ClientSession) -> None:
    answer = await http.get(f"{cluster.url}/assets/app-0a1b2c3d.js")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert answer.headers["Content-Encoding"] == "gzip"


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nothing", 404), ("POST", "/", 405), ("GET", "/dev/login", 403)]
)
async def test_nginx_refuses_unknown_paths_and_methods(
    cluster: Cluster, http: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    assert (await http.request(method, cluster.url + path)).status == status


async def test_the_cluster_listens_on_the_loopback_address_only(cluster: Cluster) -> None:
    every = {cluster.ports.page, cluster.ports.redis, cluster.ports.s3, cluster.ports.gateway(1)}
    every |= {cluster.ports.gateway_metrics(1), cluster.ports.sweeper_metrics(1), cluster.ports.signer_metrics(1)}
    listening: set[Any] = {c.laddr for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    assert {(HOST, port) for port in every} <= {(address.ip, address.port) for address in listening}
    assert {address.ip for address in listening if address.port in every} == {HOST}


async def test_the_gateway_refuses_a_body_that_takes_over_20_seconds(
    cluster: Cluster, http: aiohttp.ClientSession
) -> None:
    """The gateway's limit applies although each byte arrives within nginx's timeout."""
    url = f"{cluster.url}/socket.io/?EIO=4&transport=polling"
    async with http.get(url) as answer:
        sid = json.loads((await answer.text())[1:])["sid"]
    reader, writer = await asyncio.open_connection(HOST, cluster.ports.page)
    head = f"POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\n"
    writer.write(f"{head}Host: {HOST}\r\nContent-Length: 1000\r\n\r\n".encode())
    answered = asyncio.ensure_future(reader.readline())
    for _ in range(60):
        if answered.done():
            break
        writer.write(b"6")
        await asyncio.wait([answered], timeout=0.5)
    assert answered.done()
    assert b" 400 " in answered.result()
    writer.transport.abort()
