"""One WebSocket of the load client: handshake, joining, and a receive path with little work per delivery."""

from __future__ import annotations

import asyncio
import time
from array import array
from dataclasses import dataclass, field
from typing import cast

from loadtest.bench import frames, stamps
from loadtest.bench.dialects import Dialect
from loadtest.bench.workloads import Member


class JoinError(ConnectionError):
    """The server refused a connection, a token or a room."""


@dataclass(slots=True)
class Slot:
    """A publisher with one message in flight. At `missing` 0, all copies have arrived, and the publisher sends again.

    With `own_copy` the publisher sends again as soon as it has its own copy. This is not the default, because some
    servers deliver locally before they publish, and would then get ahead of their second process.
    """

    name: bytes
    link: Link
    members: int
    own_copy: bool
    missing: int = 0
    sent_us: int = 0

    def arrived(self, link: Link) -> bool:
        """Count a copy; return whether all copies have arrived."""
        if self.own_copy:
            return link is self.link
        self.missing -= 1
        return not self.missing

    def send(self) -> None:
        self.missing = self.members
        self.sent_us = self.link.publish(self.name)


@dataclass
class Meter:
    """State that all connections of a load client share. `active`: they publish; `counting`: the warm-up is over."""

    active: bool = False
    counting: bool = False
    sent: int = 0
    refused: int = 0
    slots: dict[bytes, Slot] = field(default_factory=dict)
    latencies_us: array[int] = field(default_factory=lambda: array("I"))

    def reset(self) -> None:
        self.sent = 0
        self.refused = 0
        self.latencies_us = array("I")


class Link(asyncio.Protocol):
    """The connection of a room's member. `joined` resolves when its handshake is complete, or fails with JoinError."""

    def __init__(self, who: Member, dialect: Dialect, meter: Meter, host: str) -> None:
        self.who = who
        self.joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._dialect = dialect
        self._meter = meter
        self._host = host
        self._signs = dialect.signs
        self._steps = list(dialect.steps(who))
        self._rest = b""
        self._upgraded = False
        self._count = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclasses
        self._transport.write(frames.upgrade_request(self._host, self._dialect.target(self.who)))

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"closed: {exc or 'by the server'}")
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Handle received bytes. The hot path is inlined: one slice, one find and one append per delivery."""
        if self._rest:
            data = self._rest + data
        if not self._upgraded:
            data = self._upgrade(data)
            if not self._upgraded:
                self._rest = data
                return
        texts, controls, used = frames.split(data)
        self._rest = data[used:]
        if self._signs.many_per_frame:
            texts = [line for text in texts for line in text.splitlines()]
        now = time.monotonic_ns() // 1000
        counting, active, slots = self._meter.counting, self._meter.active, self._meter.slots
        for text in texts:
            at = text.find(stamps.MARK)
            if at < 0:
                self._signal(text)
                continue
            if counting:
                sent_at = int(text[at + stamps.TIME_AT : at + stamps.TIME_END])
                self._meter.latencies_us.append(max(0, now - sent_at))
            slot = slots.get(text[at + stamps.SLOT_AT : at + stamps.SLOT_END])
            if slot and slot.arrived(self) and active:
                slot.send()
        for control in controls:
            self._control(control)

    def publish(self, slot: bytes) -> int:
        """Send the next message of this member; return its send time in microseconds."""
        now = time.monotonic_ns() // 1000
        self._count += 1
        self._meter.sent += 1
        self._write(self._dialect.publish(self.who, self._count, stamps.stamp(now, slot)))
        return now

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _write(self, payload: bytes, opcode: int = frames.TEXT) -> None:
        if self._transport is not None:
            self._transport.write(frames.client_frame(payload, opcode))

    def _upgrade(self, data: bytes) -> bytes:
        """Read the HTTP response; return the bytes after it, or all of `data` while the response is incomplete."""
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            return data
        if b" 101 " not in head.split(b"\r\n", 1)[0]:
            self._fail(head.split(b"\r\n", 1)[0].decode("latin-1"))
            return b""
        self._upgraded = True
        self._advance()
        return rest

    def _signal(self, text: bytes) -> None:
        """Handle everything except deliveries: pings, acks, handshake responses, other events."""
        if text == self._signs.ping:
            self._write(self._signs.pong)
        elif self._steps and not self.joined.done():
            self._answer(text)
        elif self._signs.refusal in text:
            self._meter.refused += 1

    def _answer(self, text: bytes) -> None:
        step = self._steps[0]
        if text.startswith(step.expect) and step.holds in text:
            self._steps.pop(0)
            self._advance()
        elif text.startswith((b"44", step.expect)):
            self._fail(text.decode())

    def _advance(self) -> None:
        if self._steps:
            if self._steps[0].send:
                self._write(self._steps[0].send)
        elif not self.joined.done():
            self.joined.set_result(None)

    def _control(self, control: frames.Control) -> None:
        if control.opcode == frames.PING:
            self._write(control.payload, frames.PONG)
        elif control.opcode == frames.CLOSE:
            self._fail(f"closed by the server: {control.payload!r}")

    def _fail(self, reason: str) -> None:
        if not self.joined.done():
            self.joined.set_exception(JoinError(reason))
