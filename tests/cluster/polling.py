"""A minimal Engine.IO polling client: the session id shows to which gateway nginx sent a request."""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

WAIT_SECONDS = 10.0


@dataclass(frozen=True)
class Session:
    """A newly opened polling session."""

    sid: str

    @property
    def node(self) -> int:
        return int(self.sid.removeprefix("g").split(".")[0])


def endpoint(url: str, sid: str | None = None, transport: str = "polling") -> str:
    return f"{url}/socket.io/?EIO=4&transport={transport}" + (f"&sid={sid}" if sid is not None else "")


def open_session(url: str) -> Session:
    """Open a polling session; raises requests.HTTPError when it is refused."""
    answer = requests.get(endpoint(url), timeout=WAIT_SECONDS)
    answer.raise_for_status()
    assert answer.text[0] == "0", answer.text
    return Session(json.loads(answer.text[1:])["sid"])


def wait_until_reached(url: str, wanted: set[int]) -> None:
    """Wait until new sessions reach all `wanted` gateways. nginx retries a failed gateway once a second."""
    found: set[int] = set()
    deadline = time.monotonic() + WAIT_SECONDS
    while not wanted <= found:
        assert time.monotonic() < deadline, f"found only {found}"
        with suppress(requests.HTTPError):  # 503 while nginx regards all gateways as failed
            found.add(open_session(url).node)
        time.sleep(0.1)


def connect(url: str, session: Session, token: str) -> dict[str, Any]:
    """Send the Socket.IO CONNECT and read until `ready`; return its payload."""
    body = "40" + json.dumps({"token": token})
    answer = requests.post(endpoint(url, session.sid), data=body, timeout=WAIT_SECONDS)
    assert (answer.status_code, answer.text) == (200, "ok")
    while True:
        answer = requests.get(endpoint(url, session.sid), timeout=WAIT_SECONDS)
        answer.raise_for_status()
        for packet in answer.text.split("\x1e"):
            if packet.startswith('42["ready",'):
                payload: dict[str, Any] = json.loads(packet[2:])[1]
                return payload


def raw(url: str, request: bytes) -> bytes:
    """Send these bytes unchanged, and read until the server closes the connection; return its answer."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 80), WAIT_SECONDS) as link:
        link.sendall(request)
        answer = b""
        while piece := link.recv(65_536):
            answer += piece
    return answer
