"""The origins of pages that may connect to the server."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from roomcast.engineio.http.origins import OWN_HOST, Origins, is_origin

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
        (None, "ws://chat.example:8080", True),
        (None, "wss://chat.example:8080", False),
        (["https://app.example"], "wss://app.example", True),
        (["capacitor://localhost"], "capacitor://localhost", True),
        (["file://"], "file://", True),
        (["tauri://localhost", "chrome-extension://abcdefgh"], "chrome-extension://abcdefgh", True),
        (["capacitor://localhost"], "http://localhost", False),
        (["tauri://localhost", "ionic://localhost"], "ionic://localhost", True),
        (["https://*.app.example"], "https://a.app.example", True),
        (["https://*.app.example"], "https://a.b.App.Example:443", True),
        (["https://*.app.example"], "wss://a.app.example", True),
        (["https://*.app.example"], "https://app.example", False),
        (["https://*.app.example"], "https://evilapp.example", False),
        (["https://*.app.example"], "https://.app.example", False),
        (["https://*.app.example"], "http://a.app.example", False),
        (["https://*.app.example"], "https://a.app.example:8443", False),
        (["https://*.app.example"], "https://evil.example/.app.example", False),
        (["https://*.app.example"], "https://evil.example#.app.example", False),
        (["https://*.app.example"], "https://evil.example:x@a.app.example", False),
        (["https://*.app.example"], "https://a.app.example.evil.example", False),
        (["https://*.app.example:8443"], "https://a.app.example:8443", True),
    ],
)
def test_the_policy_accepts_and_refuses_origins(
    allowed: str | Iterable[str] | None, origin: str | None, accepted: bool
) -> None:
    assert Origins(allowed).accepts(origin, "http", HOSTS) is accepted


def test_the_headers_for_an_accepted_origin() -> None:
    headers = Origins("*").headers({"Origin": "http://a.example"}, "GET")
    assert headers["Access-Control-Allow-Origin"] == "http://a.example"
    assert headers["Access-Control-Allow-Credentials"] == "true"
    assert headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Methods" not in headers


def test_the_headers_for_a_preflight_request() -> None:
    asked = {"Origin": "http://a.example", "Access-Control-Request-Headers": "X-Token"}
    headers = Origins("*", credentials=False).headers(asked, "OPTIONS")
    assert headers["Access-Control-Allow-Methods"] == "OPTIONS, GET, POST"
    assert headers["Access-Control-Allow-Headers"] == "X-Token"
    assert "Access-Control-Allow-Credentials" not in headers


def test_without_an_origin_or_a_policy_there_are_no_headers() -> None:
    assert Origins("*").headers({}, "GET") == {}
    assert Origins([]).headers({"Origin": "http://a.example"}, "GET") == {}


@pytest.mark.parametrize("origin", ["http://chat.example:8080", "https://chat.example:8080", "wss://chat.example:8080"])
def test_behind_a_trusted_proxy_the_scheme_of_the_own_host_does_not_matter(origin: str) -> None:
    """A second proxy, in front of the trusted proxy, may have ended TLS."""
    assert Origins().accepts(origin, "http", HOSTS, is_proxied=True)
    assert not Origins().accepts(origin.replace("chat", "evil"), "http", HOSTS, is_proxied=True)
    assert not Origins(["https://app.example"]).accepts(origin, "http", HOSTS, is_proxied=True)
    listed = Origins([OWN_HOST, "https://app.example"])
    assert listed.accepts(origin, "http", HOSTS, is_proxied=True)
    assert listed.accepts("https://app.example", "http", HOSTS)
    assert not listed.accepts(origin.replace("chat", "evil"), "http", HOSTS, is_proxied=True)
    assert str(listed) == "its own host, https://app.example"


def test_an_https_page_behind_two_proxies_is_accepted_on_the_default_port_only() -> None:
    assert Origins().accepts("https://chat.example", "http", ("chat.example",), is_proxied=True)
    assert not Origins().accepts("https://chat.example:8443", "http", ("chat.example",), is_proxied=True)


def test_scripts_may_read_retry_after() -> None:
    assert Origins("*").headers({"Origin": "http://a.example"}, "GET")["Access-Control-Expose-Headers"] == "Retry-After"


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("*", True),
        ("https://app.example", True),
        ("http://localhost:3000", True),
        ("capacitor://localhost", True),
        ("file://", True),
        ("file:///page", False),
        ("https://*.app.example", True),
        ("https://app.example/", False),
        ("https://*", False),
        ("https://a.*.example", False),
        ("app.example", False),
        ("https://", False),
        ("https://user@app.example", False),
    ],
)
def test_is_origin_tells_whether_a_text_can_be_listed_as_an_origin(text: str, valid: bool) -> None:
    assert is_origin(text) is valid


def test_the_text_of_a_policy_names_the_allowed_origins() -> None:
    assert str(Origins()) == "its own host"
    assert str(Origins(["https://b.example", "https://*.a.example"])) == "https://*.a.example, https://b.example"
