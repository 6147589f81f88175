"""Which pages may talk to the server."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from roomcast.engineio.origins import Origins

HOSTS = ("chat.example:8080",)


@pytest.mark.parametrize(
    ("allowed", "origin", "accepted"),
    [
        (None, None, True),
        (None, "http://chat.example:8080", True),
        (None, "HTTP://Chat.Example:8080", True),
        (None, "https://chat.example:8080", False),
        (None, "http://chat.example", False),
        (None, "http://chat.example:8080.evil.example", False),
        (None, "http://evil.example", False),
        (None, "null", False),
        (None, "", False),
        ("*", "http://evil.example", True),
        ("*", "null", False),
        (["*"], "http://evil.example", True),
        (["https://app.example"], "https://app.example", True),
        (["https://app.example"], "https://app.example:443", True),
        (["https://app.example"], "https://app.example.evil.example", False),
        (["https://app.example"], "https://evil-app.example", False),
        (["https://app.example"], "http://chat.example:8080", False),
        (["https://app.example"], "null", False),
        ("https://app.example", "https://app.example", True),
        ([], "http://evil.example", True),
    ],
)
def test_policy(allowed: str | Iterable[str] | None, origin: str | None, accepted: bool) -> None:
    assert Origins(allowed).accepts(origin, "http", HOSTS) is accepted


def test_headers_of_an_accepted_origin() -> None:
    headers = Origins("*").headers({"Origin": "http://a.example"}, "GET")
    assert headers["Access-Control-Allow-Origin"] == "http://a.example"
    assert headers["Access-Control-Allow-Credentials"] == "true"
    assert headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Methods" not in headers


def test_headers_of_a_preflight() -> None:
    asked = {"Origin": "http://a.example", "Access-Control-Request-Headers": "X-Token"}
    headers = Origins("*", credentials=False).headers(asked, "OPTIONS")
    assert headers["Access-Control-Allow-Methods"] == "OPTIONS, GET, POST"
    assert headers["Access-Control-Allow-Headers"] == "X-Token"
    assert "Access-Control-Allow-Credentials" not in headers


def test_no_headers_without_origin_or_without_policy() -> None:
    assert Origins("*").headers({}, "GET") == {}
    assert Origins([]).headers({"Origin": "http://a.example"}, "GET") == {}
