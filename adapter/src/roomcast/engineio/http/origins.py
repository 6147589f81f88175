"""Decide which web pages may talk to the server, by the Origin header.

Browsers enforce CORS headers for polling, but not for WebSocket. There, the server must refuse a foreign Origin.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

OWN_HOST: Final = "self"
"""An entry of the list of allowed origins. It allows pages from the host that the request was sent to."""
_ORIGIN: Final = re.compile(r"([a-z][a-z0-9+.-]*)://(\*\.)?([^\s/*@?#]+)|file://")
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}
_WEB_SCHEMES: Final = {"ws": "http", "wss": "https"}
"""WebSocket scheme -> HTTP scheme. Some clients that are no browsers send the server's WebSocket URL as the Origin."""


def is_origin(text: str) -> bool:
    """Tell whether `text` is valid in a list of allowed origins, apart from OWN_HOST.

    Valid are `*`, a web origin (`https://app.example.com`), all subdomains of a domain (`https://*.example.com`), and
    an app's own scheme (`capacitor://localhost`, or `file://`, which Electron sends for pages from disk).
    """
    return text == "*" or _ORIGIN.fullmatch(text.lower()) is not None


class Origins:
    """The policy `cors_allowed_origins` of python-engineio, extended by subdomains and `self`.

    * `None`: only pages of the same host as the request (its Host header, or the host that a trusted proxy forwards)
    * `"*"`: all pages
    * a string or several: these origins; `https://*.example.com` stands for every subdomain, `self` (OWN_HOST) for the
      same host as the request
    * an empty list: no check and no CORS headers

    A request without an Origin header is accepted: no foreign page can send it and read the answer. The Origin `null`
    is refused, except with an empty list.
    """

    def __init__(self, allowed: str | Iterable[str] | None = None, *, credentials: bool = True) -> None:
        listed = {allowed} if isinstance(allowed, str) else set(allowed or ())
        self._same_host = allowed is None or OWN_HOST in listed
        self._disabled = allowed is not None and not listed
        listed.discard(OWN_HOST)
        self._any = "*" in listed
        self._listed = {_normal(origin) for origin in listed if "://*." not in origin}
        self._domains = tuple(_normal(origin).split("*", 1) for origin in listed if "://*." in origin)
        self._credentials = credentials

    def __str__(self) -> str:
        own = ["its own host"] if self._same_host else []
        return ", ".join([*own, *sorted(self._listed | {"*".join(parts) for parts in self._domains})])

    def accepts(self, origin: str | None, scheme: str, hosts: Iterable[str], *, is_proxied: bool = False) -> bool:
        """Tell whether a page of `origin` may talk to this server.

        `scheme` and `hosts` of the request are compared with the origin for the same-host rule. Behind a trusted proxy
        (`is_proxied`) http and https count as the same, because another proxy in front of it may have terminated TLS.
        """
        if origin is None or self._disabled:
            return True
        if origin == "null":
            return False
        if self._any:
            return True
        normal = _normal(origin)
        if normal in self._listed or self._is_subdomain(normal):
            return True
        if not self._same_host:
            return False
        schemes = ("http", "https") if is_proxied else (scheme,)
        return normal in {_normal(f"{scheme}://{host}") for scheme in schemes for host in hosts}

    def _is_subdomain(self, origin: str) -> bool:
        for scheme, domain in self._domains:
            label = origin.removeprefix(scheme).removesuffix(domain)
            if len(label) == len(origin) - len(scheme) - len(domain) and _LABELS.fullmatch(label):
                return True
        return False

    def headers(self, request: Mapping[str, str], method: str) -> dict[str, str]:
        """Return the CORS headers for the response to a request whose Origin was accepted."""
        origin = request.get("Origin")
        if origin is None or self._disabled:
            return {}
        headers = {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": "Retry-After",
            "Vary": "Origin",
        }
        if self._credentials:
            headers["Access-Control-Allow-Credentials"] = "true"
        if method == "OPTIONS":
            headers["Access-Control-Allow-Methods"] = "OPTIONS, GET, POST"
            headers["Access-Control-Max-Age"] = "600"
            if asked := request.get("Access-Control-Request-Headers"):
                headers["Access-Control-Allow-Headers"] = asked
        return headers


_LABELS: Final = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")


def _normal(origin: str) -> str:
    """Return the origin in lower case, with http(s) in place of ws(s), and without a default port."""
    scheme, separator, host = origin.lower().partition("://")
    scheme = _WEB_SCHEMES.get(scheme, scheme)
    port = _DEFAULT_PORTS.get(scheme)
    return f"{scheme}{separator}{host.removesuffix(port) if port else host}"
