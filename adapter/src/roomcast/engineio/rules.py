"""Define the limits and intervals of the Engine.IO layer, and the reasons for which a session ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PROTOCOL_REVISION: Final = "4"
"""The value of the `EIO` query parameter."""


class Reason:
    """Why a session ended. python-engineio has the first five reasons, too. The others are Roomcast's own."""

    SERVER_DISCONNECT: Final = "server disconnect"
    CLIENT_DISCONNECT: Final = "client disconnect"
    PING_TIMEOUT: Final = "ping timeout"
    TRANSPORT_CLOSE: Final = "transport close"
    TRANSPORT_ERROR: Final = "transport error"
    PARSE_ERROR: Final = "parse error"
    TOO_LARGE: Final = "payload too large"
    SLOW_CLIENT: Final = "slow client"
    CONNECT_TIMEOUT: Final = "connect timeout"
    ATTACHMENT_TIMEOUT: Final = "attachment timeout"
    OVERLOAD: Final = "too many pending events"
    FLOOD: Final = "flood"
    RECONNECT: Final = "moved"


@dataclass(frozen=True, slots=True)
class Rules:
    """Limits of one server. Times are in seconds, sizes in bytes."""

    ping_interval: float = 25.0
    ping_timeout: float = 20.0
    connect_seconds: float = 10.0
    """The longest time that a session may stay open without a Socket.IO CONNECT."""
    upgrade_seconds: float = 10.0
    """The longest time from the opening of the probing WebSocket to the end of the upgrade."""
    close_seconds: float = 1.0
    """The longest time that a closed WebSocket waits for the client's close frame."""
    body_seconds: float = 20.0
    """The longest time that the body of a polling POST may take."""
    max_payload: int = 1_000_000
    """The largest packet that is handled: a WebSocket message, or a packet in a polling POST."""
    max_dropped_payload: int = 0
    """A packet above `max_payload` and up to this size is read, dropped and reported as `Oversized`. A larger packet
    ends the session. The body of a polling POST may have the larger of both sizes. 0: each packet above `max_payload`
    ends the session."""
    max_buffer: int = 1_000_000
    """The most bytes that wait for one client, in its queue and its transport's buffer together. If no packet waits,
    one larger packet may be queued."""
    kernel_buffer: int = 262_144
    """SO_SNDBUF of a WebSocket. The kernel reserves twice as much. 0: the kernel's default."""
    max_pending_per_peer: int = 500
    """The most sessions of one client address that have not sent a CONNECT. An IPv6 /64 counts as one address."""
    max_pending_bytes: int = 0
    """The most bytes that a client may send before its CONNECT is accepted. 0: no such limit."""
    frames_per_second: float = 500.0
    """WebSocket frames (or polling packets) of any kind that one client may send in the long run."""
    frames_burst: float = 4_000.0
    """Frames that one client may send at once."""
    bytes_per_second: float = 4_000_000.0
    bytes_burst: float = 16_000_000.0
    address_factor: float = 20.0
    """The limit of all clients of one address together, as a multiple of one client's limit."""

    def __post_init__(self) -> None:
        for name in (
            "ping_interval",
            "ping_timeout",
            "connect_seconds",
            "upgrade_seconds",
            "close_seconds",
            "body_seconds",
        ):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0")
        for name in ("max_payload", "max_buffer", "max_pending_per_peer", "frames_per_second", "bytes_per_second"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0")
        if min(self.kernel_buffer, self.max_pending_bytes, self.max_dropped_payload) < 0 or self.address_factor < 1:
            raise ValueError("sizes must not be below 0, and address_factor not below 1")
        if self.frames_burst < 1 or self.bytes_burst < max(self.max_payload, self.max_dropped_payload):
            raise ValueError("frames_burst must be 1 or more, bytes_burst at least max_payload and max_dropped_payload")
