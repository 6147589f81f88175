"""Which web pages may talk to the server (CORS for polling; the Origin check that WebSocket leaves to the server)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class Origins:
    """The policy `cors_allowed_origins`, as python-engineio reads it.

    `None`: only the page's own host, by Host or by what a trusted proxy forwards; `"*"`: any; a string or strings:
    exactly these; an empty list: no check and no headers. A request without Origin is no page's and passes.
    """

    def __init__(self, allowed: str | Iterable[str] | None = None, *, credentials: bool = True) -> None:
        listed = {allowed} if isinstance(allowed, str) else set(allowed or ())
        self._same_host = allowed is None
        self._disabled = allowed is not None and not listed
        self._any = "*" in listed
        self._listed = {_normal(origin) for origin in listed}
        self._credentials = credentials

    def accepts(self, origin: str | None, scheme: str, hosts: Iterable[str]) -> bool:
        """May a page of `origin` talk to this server, reached as `scheme` under any of `hosts`?"""
        if origin is None or self._disabled:
            return True
        if origin == "null":
            return False
        if self._any:
            return True
        if self._same_host:
            return _normal(origin) in {_normal(f"{scheme}://{host}") for host in hosts}
        return _normal(origin) in self._listed

    def headers(self, request: Mapping[str, str], method: str) -> dict[str, str]:
        """The CORS headers of the answer to a request whose Origin was accepted."""
        origin = request.get("Origin")
        if origin is None or self._disabled:
            return {}
        headers = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        if self._credentials:
            headers["Access-Control-Allow-Credentials"] = "true"
        if method == "OPTIONS":
            headers["Access-Control-Allow-Methods"] = "OPTIONS, GET, POST"
            headers["Access-Control-Max-Age"] = "600"
            if asked := request.get("Access-Control-Request-Headers"):
                headers["Access-Control-Allow-Headers"] = asked
        return headers


_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def _normal(origin: str) -> str:
    """Lower case, without a default port."""
    text = origin.lower()
    scheme, _, host = text.partition("://")
    port = _DEFAULT_PORTS.get(scheme)
    return text.removesuffix(port) if port and host else text
