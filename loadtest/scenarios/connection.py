"""One Socket.IO connection over a WebSocket, for gevent. It parses frames itself, so that a delivery costs little CPU.

Locust has patched the standard library before this module is used, so blocking calls let other users run.
"""

from __future__ import annotations

import itertools
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

import gevent
import orjson
from gevent.event import AsyncResult, Event

from loadtest import packets
from loadtest.bench import frames
from loadtest.chaos.backoff import retry_after

TIMEOUT_SECONDS: Final = 10.0
TARGET: Final = "/socket.io/?EIO=4&transport=websocket"
_ESTABLISHED: Final = 1
"""TCP_ESTABLISHED of Linux's `tcp_states.h`."""
_CHUNK: Final = 65_536
_MAX_HEAD: Final = 16_384
OnEvent = Callable[[str, Any, float], None]
"""A function that takes an event's name, its payload, and the time at which it was read (`time.time`)."""


class ChatError(ConnectionError):
    """A refused connection, a negative ack, or no answer in time. Locust groups failures by the text: it is short."""


class ConnectionEnded(ChatError):
    """The connection ended before the answer came."""


class TurnedAway(ChatError):
    """The server refused the connection with an HTTP status; `wait` is the response's Retry-After in seconds."""

    def __init__(self, status: int, wait: float) -> None:
        super().__init__(f"HTTP {status}, come back later")
        self.wait = wait


class NegativeAck(ChatError):
    """The server answered with an error; `reason` is its name in the protocol."""

    def __init__(self, error: dict[str, Any]) -> None:
        self.reason = str(error.get("reason"))
        self.retry_after = float(error.get("retry_after") or 0.0)
        super().__init__(f"{error.get('code')} {self.reason}")


class Connection:
    """A signed-in connection. `ended` is set when it has ended; `why` is the reason."""

    def __init__(self, url: str, token: str, on_event: OnEvent, source: str | None = None) -> None:
        self.ended = Event()
        self.why = ""
        self.is_reading = Event()
        self.is_reading.set()
        self._on_event = on_event
        self._numbers = itertools.count()
        self._waiting: dict[int, AsyncResult] = {}
        self._accepted: AsyncResult = AsyncResult()
        self._rest = b""
        self._socket = _open(url, source)
        try:
            self._rest = _upgrade(self._socket, urlsplit(url).netloc)
            self._socket.settimeout(None)
            self._reader = gevent.spawn(self._read, token)
            self._accepted.get(timeout=TIMEOUT_SECONDS)
        except (OSError, gevent.Timeout) as error:
            self._socket.close()
            if isinstance(error, ChatError):
                raise
            raise ChatError(f"cannot connect: {type(error).__name__}") from None

    def call(self, name: str, payload: dict[str, Any], seconds: float = TIMEOUT_SECONDS) -> dict[str, Any]:
        """Send an event and wait for its ack; raise NegativeAck, ConnectionEnded, or ChatError for no answer."""
        number = next(self._numbers)
        result = self._waiting[number] = AsyncResult()
        try:
            self._send(packets.event(name, payload, number).encode())
            answer: dict[str, Any] = result.get(timeout=seconds)
        except gevent.Timeout:
            raise ChatError("no ack in time") from None
        finally:
            self._waiting.pop(number, None)
        if not answer.get("ok"):
            raise NegativeAck(answer.get("error", {}))
        return answer

    def emit(self, name: str, payload: dict[str, Any]) -> None:
        """Send an event without an ack. Raise ConnectionEnded if the connection has ended."""
        self._send(packets.event(name, payload).encode())

    def stop_reading(self, buffer_bytes: int) -> None:
        """Stop reading; the kernel buffers up to `buffer_bytes`. A close by the server still sets `ended`."""
        self.is_reading.clear()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        gevent.spawn(self._watch_state)

    def close(self, why: str = "closed by the client") -> None:
        """Close the connection at once. Idempotent."""
        self._end(why)
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the reading greenlet
        self._socket.close()

    def _send(self, payload: bytes, opcode: int = frames.TEXT) -> None:
        if self.ended.is_set():
            raise ConnectionEnded("connection lost")
        try:
            self._socket.sendall(frames.client_frame(payload, opcode))
        except OSError:
            self._end("connection reset")
            raise ConnectionEnded("connection lost") from None

    def _read(self, token: str) -> None:
        why = "closed by the server"
        try:
            self._take(self._rest, token)
            while data := self._socket.recv(_CHUNK):
                self._take(self._rest + data if self._rest else data, token)
                self.is_reading.wait()
        except (OSError, ValueError, LookupError) as error:
            why = str(error) if isinstance(error, ChatError) else f"received data is invalid: {type(error).__name__}"
        self._end(why)

    def _watch_state(self) -> None:
        """Poll the kernel for the connection's state, because a client that does not read does not notice the close."""
        with suppress(OSError):
            while self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _ESTABLISHED:
                gevent.sleep(1.0)
        self.close("cut off by the server")

    def _take(self, data: bytes, token: str) -> None:
        now = time.time()
        texts, controls, used = frames.split(data)
        self._rest = data[used:]
        for text in texts:
            if text.startswith(b"42["):
                name, payload = orjson.loads(text[2:])
                self._on_event(name, payload, now)
            else:
                self._take_packet(packets.decode(text.decode()), token)
        for control in controls:
            if control.opcode == frames.PING:
                self._send(control.payload, frames.PONG)
            elif control.opcode == frames.CLOSE:
                raise ConnectionEnded("closed by the server")

    def _take_packet(self, packet: packets.Packet, token: str) -> None:
        if packet.kind == "ack" and packet.ack in self._waiting:
            self._waiting[packet.ack].set(packet.data[0])
        elif packet.kind == "ping":
            self._send(packets.PONG.encode())
        elif packet.kind == "open":
            self._send(packets.connect(token).encode())
        elif packet.kind == "connected":
            self._accepted.set(None)
        elif packet.kind in ("refused", "disconnected", "close"):
            reason = packet.data.get("message") if isinstance(packet.data, dict) else packet.kind
            raise ConnectionEnded(f"refused: {reason}")

    def _end(self, why: str) -> None:
        if self.ended.is_set():
            return
        self.why = why
        self.ended.set()
        error = ConnectionEnded(why if why.startswith("refused") else "connection lost")
        for result in (self._accepted, *self._waiting.values()):
            if not result.ready():
                result.set_exception(error)
        self._waiting = {}


def _open(url: str, source: str | None) -> socket.socket:
    """Open a TCP or TLS connection to the cluster at `url`, from the loopback address `source` if given."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = (source, 0) if source is not None and parts.scheme == "http" else None
    try:
        opened = socket.create_connection((parts.hostname or "", port), TIMEOUT_SECONDS, source_address=address)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if parts.scheme == "https":
            opened = ssl.create_default_context().wrap_socket(opened, server_hostname=parts.hostname)
    except OSError as error:
        raise ChatError(f"cannot connect: {type(error).__name__}") from None
    return opened


def _upgrade(opened: socket.socket, host: str) -> bytes:
    """Request a WebSocket; return the bytes after the response's head. Raise TurnedAway or ChatError for a refusal."""
    opened.sendall(frames.upgrade_request(host, TARGET))
    head = b""
    while b"\r\n\r\n" not in head:
        data = opened.recv(_CHUNK)
        head += data
        if not data or len(head) > _MAX_HEAD:
            raise ChatError("no WebSocket: the server closed the connection")
    lines, _, rest = head.partition(b"\r\n\r\n")
    status, *fields = lines.decode("latin-1").split("\r\n")
    code = int(status.split(" ")[1])
    if code == 101:
        return rest
    headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
    if "retry-after" in headers:
        raise TurnedAway(code, retry_after(headers["retry-after"]))
    raise ChatError(f"HTTP {code} at the WebSocket")
