"""Stop reading from clients whose events pile up, so that a slow Redis does not make queues grow without a limit.

A client that sends many events within its rate is not disconnected: its events wait in the kernel and at the client.
"""

from __future__ import annotations

from typing import Final, Protocol

MAX_TOTAL_EVENTS: Final = 4_000
MAX_TOTAL_BYTES: Final = 16_000_000
"""The most events of all clients in progress, and the most bytes of these events. At these limits, the server stops
reading from each client that sends an event."""
_OWN_EVENTS: Final = 1_000
_OWN_PAYLOADS: Final = 2
"""The most events of one client in progress, and the most bytes of these events, as a multiple of the largest event. At
these limits, the server stops reading from the client."""
_READ_AHEAD_BYTES: Final = 1_000_000
"""The most bytes that a transport may have read already when reading is paused."""


class Client(Protocol):
    """The part of a session that this module uses."""

    held: int
    pending_events: int
    pending_bytes: int
    is_input_paused: bool

    def pause_input(self) -> None:
        """Stop reading from the client."""

    def resume_input(self) -> None:
        """Read from the client again."""


class Backpressure:
    """Counts the events in progress, of each client and of all clients. `max_payload`: the largest event, in bytes."""

    def __init__(self, max_payload: int) -> None:
        self.events = 0
        self.bytes = 0
        self._own_bytes = _OWN_PAYLOADS * max_payload
        self._is_full = False
        self._paused: set[Client] = set()

    def begin(self, client: Client, size: int) -> bool:
        """Count an event that begins. Return False without counting if a paused client is far above its limit."""
        if client.pending_events >= 2 * _OWN_EVENTS or client.pending_bytes > self._own_bytes + _READ_AHEAD_BYTES:
            return False
        self._count(client, 1, size)
        self._is_full = self._is_full or self.events >= MAX_TOTAL_EVENTS or self.bytes >= MAX_TOTAL_BYTES
        is_many = client.pending_events >= _OWN_EVENTS or client.pending_bytes >= self._own_bytes
        if (self._is_full or is_many) and not client.is_input_paused:
            client.pause_input()
            self._paused.add(client)
        return True

    def end(self, client: Client, size: int) -> None:
        """Count an event that has ended, and resume the clients that are well below their limits again."""
        self._count(client, -1, -size)
        if self._is_full and self.events <= MAX_TOTAL_EVENTS // 2 and self.bytes <= MAX_TOTAL_BYTES // 2:
            self._is_full = False
            for waiting in list(self._paused):
                self._resume(waiting)
        elif not self._is_full and client in self._paused:
            self._resume(client)

    def _count(self, client: Client, events: int, size: int) -> None:
        client.held += events
        client.pending_events += events
        client.pending_bytes += size
        self.events += events
        self.bytes += size

    def _resume(self, client: Client) -> None:
        if client.pending_events <= _OWN_EVENTS // 2 and client.pending_bytes <= self._own_bytes // 2:
            self._paused.discard(client)
            client.resume_input()
