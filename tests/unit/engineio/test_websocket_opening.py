"""`read_opening` reads the usual request that opens a WebSocket session. For other requests it returns None."""

from __future__ import annotations

import pytest

from roomcast.engineio.websocket.opening import Opening, read_opening

PATH = "/socket.io/"
LINES = (
    "Host: chat.example",
    "Connection: keep-alive, Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


def request(
    *more: str,
    method: str = "GET",
    target: str = "/socket.io/?EIO=4&transport=websocket",
    version: str = "HTTP/1.1",
    lines: tuple[str, ...] = LINES,
) -> bytes:
    return "\r\n".join((f"{method} {target} {version}", *lines, *more, "", "")).encode("latin-1")


def read(data: bytes) -> Opening | None:
    return read_opening(data, PATH, "10.0.0.1", "http")


def test_a_usual_opening_is_read_with_its_headers_and_the_bytes_behind_it() -> None:
    got = read(request("X-Forwarded-For: 1.2.3.4", "X-Forwarded-For:\t5.6.7.8", "Empty:") + b"\x81\x80rest")

    assert got is not None
    assert (got.path, got.query_string, got.remote, got.scheme) == (
        PATH,
        "EIO=4&transport=websocket",
        "10.0.0.1",
        "http",
    )
    assert got.headers.getall("x-forwarded-for") == ["1.2.3.4", "5.6.7.8"]
    assert (got.headers["host"], got.headers["Empty"]) == ("chat.example", "")
    assert got.tail == b"\x81\x80rest"


@pytest.mark.parametrize(
    "query", ["transport=websocket&EIO=4", "EIO=4&transport=websocket&t=Pq-1&b64", "x=1&EIO=4&transport=websocket"]
)
def test_a_query_may_have_further_parameters(query: str) -> None:
    assert read(request(target=f"{PATH}?{query}")) is not None


@pytest.mark.parametrize(
    "target",
    [
        PATH,
        "/socket.ioo?EIO=4&transport=websocket",
        "/socket.io/x?EIO=4&transport=websocket",
        "/socket.io/?EIO=3&transport=websocket",
        "/socket.io/?EIO=4&transport=polling",
        "/socket.io/?EIO=4&transport=websocket&sid=g1.x",
        "/socket.io/?EIO=4&transport=websocket&sid",
        "/socket.io/?EIO=4&transport=websocket&s%69d=g1.x",
        "/socket.io/?EIO=4&transport=websocket&EIO=3",
        "/socket.io/?EIO=4&transport=websocket&transport=polling",
        "/socket.io/?EIO=4&transport=websocket;sid=g1.x",
        "/socket.io/?EIO=4&transport=websocket+",
        "/socket.io/?EIO=4&transport=websocket#x",
        "http://chat.example/socket.io/?EIO=4&transport=websocket",
    ],
)
def test_a_request_for_another_target_is_left_to_the_http_server(target: str) -> None:
    assert read(request(target=target)) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n" + request(),
        request()[:-1],
        request(method="POST"),
        request(method="get"),
        request(version="HTTP/1.0"),
        request(version="HTTP/1.1 "),
        request("Content-Length: 0"),
        request("Transfer-Encoding: chunked"),
        request("expect: 100-continue"),
        request("No colon"),
        request("Space : before"),
        request(": no name"),
        request(" folded: line"),
        request("Trailing: space "),
        request("Bell: \x07"),
        request("Nul: \x00"),
        request("Bare: \n"),
        request("Bare: \rx"),
        request("Umlaut: \xe4"),
        request("Uml\xe4ut: a"),
        request("Long: " + "x" * 9000),
        request(lines=LINES[:2]),
        request(lines=("Upgrade: h2c", *LINES[:2])),
        request().replace(b"\r\n", b"\n"),
    ],
)
def test_an_unusual_request_is_left_to_the_http_server(data: bytes) -> None:
    assert read(data) is None


def test_an_almost_valid_head_is_left_to_the_http_server_quickly() -> None:
    """The patterns are possessive, so they do not backtrack. With backtracking this test would hang."""
    for part in (" ", "\t", "a: ", "a:b\r\n", "!"):
        assert read(request("X:" + part * (8000 // len(part)) + "\x00")) is None
