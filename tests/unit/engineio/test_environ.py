"""The WSGI environment of a handshake does not depend on the parser of the request: aiohttp's or Roomcast's."""

from __future__ import annotations

from roomcast.engineio.http import environ
from roomcast.engineio.http.handshake import Request
from roomcast.engineio.websocket.opening import Opening, read_opening

LINES = (
    "Host: chat.example:8080\r\nX-Own:  a\r\nUser-Agent: one two\r\nX-Own: b\r\nX-Empty:\r\n"
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: aGVsbG8=\r\n"
)


class FullRequest:
    """A request with the attributes of an aiohttp request."""

    def __init__(self, opening: Opening) -> None:
        self.headers = opening.headers
        self.path, self.query_string = opening.path, opening.query_string
        self.remote: str | None = opening.remote
        self.scheme = opening.scheme


def opening() -> Opening:
    head = f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n{LINES}\r\n"
    found = read_opening(head.encode(), "/socket.io/", "10.0.0.9", "http")
    assert found is not None
    return found


def test_an_opening_and_a_full_request_have_equal_environments() -> None:
    later = environ.build(opening(), "10.0.0.9", "https")
    plain: Request = FullRequest(opening())
    assert dict(later) == environ.build(plain, "10.0.0.9", "https")


def test_the_environment_has_the_headers_path_scheme_and_address() -> None:
    later = environ.build(opening(), "10.0.0.9", "https")
    assert later["HTTP_X_OWN"] == "a,b"
    assert later["HTTP_X_EMPTY"] == ""
    assert (later["PATH_INFO"], later["wsgi.url_scheme"], later["REMOTE_ADDR"]) == ("/socket.io/", "https", "10.0.0.9")
    assert "HTTP_SEC_WEBSOCKET_KEY" not in later
    assert later.get("HTTP_COOKIE") is None
