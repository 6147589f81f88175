"""A session as the server and the adapter hold it: the pure core, tied to its transport."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from roomcast.engineio.commands import Command
from roomcast.engineio.core import Phase, SessionCore
from roomcast.engineio.frames import Frames
from roomcast.engineio.observer import Observer
from roomcast.engineio.rfc6455 import TEXT, frame
from roomcast.engineio.rules import Rules
from roomcast.engineio.write_buffer import Traffic, write_now

if TYPE_CHECKING:
    import asyncio

    from roomcast.engineio.flush import Flusher
    from roomcast.engineio.websocket import WebSocketLink


class Engine(Protocol):
    """What a session needs of its server."""

    @property
    def flusher(self) -> Flusher: ...

    def run(self, session: Session, commands: list[Command]) -> None:
        """Carry out the core's commands."""

    def now(self) -> float:
        """The clock of the core, in seconds."""

    def watch(self, session: Session) -> None:
        """The session's `due` may have come closer."""

    def bury(self, link: WebSocketLink) -> None:
        """The client of a WebSocket hung up: bury it when it is its turn."""

    @property
    def observer(self) -> Observer:
        """Told of what happens."""


class Session(SessionCore):
    """One client. Whoever holds a session whose client has gone may go on calling it: nothing happens."""

    __slots__ = (
        "_engine",
        "link",
        "pending_bytes",
        "pending_events",
        "probe",
        "slot",
        "user",
        "waiter",
    )

    def __init__(self, engine: Engine, sid: str, peer: str, rules: Rules, phase: Phase) -> None:
        super().__init__(sid, peer, rules, phase, engine.now())
        self._engine = engine
        self.link: WebSocketLink | None = None
        self.probe: WebSocketLink | None = None
        self.waiter: asyncio.Future[bytes] | None = None
        self.user: dict[str, Any] | None = None
        self.slot = -1
        self.pending_events = 0
        self.pending_bytes = 0

    # --- sending ---

    def push(self, frames: Frames) -> None:
        """Queue a packet; never blocks, never raises. It is written at the end of the loop's tick."""
        data = frames.websocket
        credit = self.credit - len(data)
        if credit < 0:
            self.push_slow(frames)
            return
        self.credit = credit
        if not self.outbox:
            self._engine.flusher.wake(self)
        self.outbox.append(data)

    def push_slow(self, frames: Frames) -> None:
        """`push` where the credit does not cover it: on polling, behind a full transport, after a burst, at the end."""
        if self.credit >= 0:
            # A burst within one tick: the bound is for what the kernel refuses, so let it have a look first.
            self._write_outbox()
            if self.credit >= 0:
                self._engine.flusher.wake(self)
                data = frames.websocket
                self.outbox.append(data)
                self.credit = max(0, self.credit - len(data))
                return
        was_empty = not self.outbox
        self._engine.run(self, self.enqueue(frames, self.link.held if self.link is not None else 0))
        if was_empty and self.outbox:
            self._engine.flusher.wake(self)

    def flush_slow(self) -> None:
        """The flush of a session without credit: a GET may wait for it; a full transport lets it wait."""
        if self.phase <= Phase.PROBED:
            self._engine.run(self, self.poll_ready())

    def _write_outbox(self) -> None:
        frames = self.outbox
        data = b"".join(frames)
        frames.clear()
        self.credit = self.max_credit
        if data:
            write_now(self, data)

    def last_frames(self, farewell: bytes) -> bytes:
        """What a closing WebSocket still writes: the outbox, and an Engine.IO packet unless it is empty."""
        frames = b"".join(self.outbox)
        return frames + frame(TEXT, farewell) if farewell else frames

    @property
    def waiting(self) -> int:
        """Bytes that wait for the client, in the outbox and in the transport."""
        queued = self.queued if self.credit < 0 else self.max_credit - self.credit
        return queued + (self.link.held if self.link is not None else 0)

    # --- the transport ---

    def attach(self, link: WebSocketLink, transport: asyncio.Transport) -> None:
        """`link` is the session's transport from now on."""
        self.link = link
        self.transport = transport
        if link.held:
            self.pause()

    def adopt_probe(self) -> None:
        """The upgrade is complete: the probing WebSocket is the transport, and takes what is queued."""
        link, self.probe = self.probe, None
        if link is not None and link.transport is not None:
            link.is_probe = False
            self.attach(link, link.transport)
            if self.outbox:
                self._engine.flusher.wake(self)

    def answer_poll(self, payload: bytes) -> None:
        """Complete the GET that waits."""
        waiter, self.waiter = self.waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(payload)

    # --- what the WebSocket reports ---

    def took(self, data: str | bytes) -> None:
        """A message came on the session's WebSocket."""
        self._engine.run(self, self.receive(data, self._engine.now()))
        if data == "3":
            self._engine.watch(self)  # a ping interval below the timeout brings `due` closer

    def probe_took(self, data: str | bytes) -> None:
        """A message came on the WebSocket that wants to become the session's."""
        self._engine.run(self, self.probe_received(data))

    def resume_writing(self) -> None:
        """The transport has drained."""
        self.resume()
        if self.outbox:
            self._engine.flusher.wake(self)

    def pong(self, link: WebSocketLink, data: bytes) -> None:
        """Answer a WebSocket PING; a client that sends them and reads nothing runs into the same bound."""
        if link is not self.link:
            if link.held < self.max_credit:
                link.send(data)
        elif self.credit >= len(data):
            self.credit -= len(data)
            if not self.outbox:
                self._engine.flusher.wake(self)
            self.outbox.append(data)

    def link_hung_up(self, link: WebSocketLink) -> None:
        """The client of a WebSocket is gone; `link_went` follows. Until then what is written goes nowhere."""
        if link is self.link:
            self.transport = None
        self._engine.bury(link)

    def link_went(self, link: WebSocketLink) -> None:
        """A WebSocket is gone, or was closed by the client."""
        self._engine.run(self, self.link_lost() if link is self.link else self.probe_lost())

    def link_broke(self, link: WebSocketLink, code: int) -> None:
        """The client broke the WebSocket protocol; `code` says how."""
        if link is self.link:
            self._engine.run(self, self.link_failed(code))
        else:
            self._engine.run(self, self.probe_broke())

    @property
    def traffic(self) -> Traffic:
        """What is counted of the server's bytes."""
        return self._engine.observer.traffic

    # --- time and the end ---

    def detach(self) -> None:
        """The session is over: let go of its transport and of what was queued (someone may keep the session)."""
        self.outbox = []
        self.link = self.probe = self.waiter = None
        self.transport = None
        self.tickets = None

    def on_time(self, now: float) -> None:
        was_empty = not self.outbox
        self._engine.run(self, self.tick(now))
        if was_empty and self.outbox:
            self._engine.flusher.wake(self)
