"""A small Socket.IO client for load: WebSocket only, gevent only, far cheaper than a full client library.

Locust has patched the standard library by the time this is used, so blocking calls yield to other users.
"""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

import gevent
import websocket
from gevent.event import AsyncResult

from loadtest import packets

TIMEOUT_SECONDS: Final = 10.0
OnEvent = Callable[[str, Any], None]


class ChatError(ConnectionError):
    """A refused connection, a negative ack, or no answer in time; the text is short and groups well."""


class ChatClient:
    """One connection. `on_event(name, payload)` is called for every event; `closed` once the socket is gone."""

    def __init__(self, url: str, token: str, on_event: OnEvent, source: str | None = None) -> None:
        self.closed = False
        self._on_event = on_event
        self._numbers = itertools.count()
        self._waiting: dict[int, AsyncResult] = {}
        self._socket = _open(url, source)
        try:
            self._expect("open")
            self._socket.send(packets.connect(token))
            self._expect("connected")
        except (OSError, websocket.WebSocketException) as error:
            self._socket.close(timeout=0)
            raise ChatError(str(error) or type(error).__name__) from None
        self._socket.settimeout(None)
        self._reader = gevent.spawn(self._read)

    def call(self, name: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Send an event and wait for its ack; raise ChatError for a negative ack, a lost socket or no answer."""
        number = next(self._numbers)
        result = self._waiting[number] = AsyncResult()
        try:
            self._send(packets.event(name, payload, number))
            answer: dict[str, Any] = result.get(timeout=TIMEOUT_SECONDS)
        except gevent.Timeout:
            raise ChatError("no ack in time") from None
        finally:
            self._waiting.pop(number, None)
        if not answer.get("ok"):
            error = answer.get("error", {})
            raise ChatError(f"{error.get('code')} {error.get('reason')}")
        return answer

    def emit(self, name: str, payload: dict[str, Any]) -> None:
        """Send an event that is not acked."""
        self._send(packets.event(name, payload))

    def close(self) -> None:
        self.closed = True
        with suppress(OSError, websocket.WebSocketException):
            self._socket.close(timeout=0)
        self._reader.kill(block=False)

    def _send(self, text: str) -> None:
        try:
            self._socket.send(text)
        except (OSError, websocket.WebSocketException):
            self._end()
            raise ChatError("connection lost") from None

    def _expect(self, kind: packets.Kind) -> None:
        packet = packets.decode(str(self._socket.recv()))
        while packet.kind == "event":
            packet = packets.decode(str(self._socket.recv()))
        if packet.kind != kind:
            reason = packet.data.get("message") if isinstance(packet.data, dict) else packet.kind
            raise ChatError(f"connect refused: {reason}")

    def _read(self) -> None:
        with suppress(OSError, websocket.WebSocketException, ValueError):
            while text := self._socket.recv():
                self._handle(packets.decode(str(text)))
        self._end()

    def _handle(self, packet: packets.Packet) -> None:
        if packet.kind == "event":
            self._on_event(packet.data[0], packet.data[1])
        elif packet.kind == "ack" and packet.ack in self._waiting:
            self._waiting[packet.ack].set(packet.data[0])
        elif packet.kind == "ping":
            self._socket.send(packets.PONG)

    def _end(self) -> None:
        self.closed = True
        for result in self._waiting.values():
            result.set_exception(ChatError("connection lost"))
        self._waiting = {}


def _open(url: str, source: str | None) -> websocket.WebSocket:
    """Open a WebSocket to the cluster at `url`, from the loopback address `source` if given."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    target = f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}/socket.io/?EIO=4&transport=websocket"
    try:
        plain = None
        if source is not None and parts.scheme == "http":
            plain = socket.create_connection((parts.hostname, port), TIMEOUT_SECONDS, source_address=(source, 0))
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened: websocket.WebSocket = websocket.create_connection(target, timeout=TIMEOUT_SECONDS, socket=plain)
        return opened
    except websocket.WebSocketBadStatusException as error:
        raise ChatError(f"HTTP {error.status_code} at the WebSocket") from None
    except (OSError, websocket.WebSocketException) as error:
        raise ChatError(f"cannot connect: {type(error).__name__}") from None
