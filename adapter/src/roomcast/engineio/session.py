"""A session as the server and the adapter hold it: the pure core, the write buffer, and the transport."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from roomcast.engineio.commands import Command
from roomcast.engineio.core import Phase, SessionCore
from roomcast.engineio.frames import Frames
from roomcast.engineio.limits.budget import InputBudget
from roomcast.engineio.oversized import Data, size_of
from roomcast.engineio.rules import Reason, Rules
from roomcast.engineio.websocket.rfc6455 import TEXT, TOO_BIG, frame
from roomcast.engineio.write_buffer import BLOCKED, WriteBuffer, write_now

if TYPE_CHECKING:
    import asyncio

    from roomcast.engineio.websocket.transport import WebSocketConnection


_PACKET_OVERHEAD: Final = 6
"""The bytes around a packet: the head of a masked WebSocket frame, or a separator and what else a request costs."""


class Host(Protocol):
    """A session's port to its server."""

    pending_refusal: Frames | None
    """The packet for a client that sends too much before it is accepted."""

    def run(self, session: Session, commands: list[Command]) -> None:
        """Carry out the core's commands."""

    def now(self) -> float:
        """Return the time by the core's clock, in seconds."""

    def watch(self, session: Session) -> None:
        """Look at the session's `due` again: it may be sooner."""

    def wake(self, session: Session) -> None:
        """Flush the session at the end of the tick: it has something queued and had nothing before."""

    def release(self, connection: WebSocketConnection) -> None:
        """Call the connection's `release` when it is its turn: its client hung up."""


class Session(WriteBuffer):
    """One client. A caller that holds a session whose client has gone may go on calling it: nothing happens."""

    __slots__ = (
        "_host",
        "budget",
        "connection",
        "core",
        "end_detail",
        "input_left",
        "input_waiter",
        "is_input_paused",
        "pending_bytes",
        "pending_events",
        "probe",
        "slot",
        "user",
        "waiter",
        "was_told_why",
    )

    def __init__(self, host: Host, core: SessionCore, budget: InputBudget) -> None:
        super().__init__(core.rules.max_buffer)
        self._host = host
        self.budget = budget
        self.core = core
        self.connection: WebSocketConnection | None = None
        self.probe: WebSocketConnection | None = None
        self.waiter: asyncio.Future[bytes] | None = None
        self.user: dict[str, Any] | None = None
        self.slot = -1
        self.input_left = -1
        """Bytes that the client may still send before its CONNECT is accepted; negative: no such limit."""
        self.is_input_paused = False
        self.was_told_why = False
        """True when a packet says why the session ends: the client sent too much before it was accepted."""
        self.input_waiter: asyncio.Future[None] | None = None
        self.end_detail = ""
        """The exact fault, for the log; it holds nothing that the client wrote."""
        self.pending_events = 0
        self.pending_bytes = 0
        if core.phase is Phase.WEBSOCKET:
            self.resume()

    @property
    def sid(self) -> str:
        """The session's id."""
        return self.core.sid

    @property
    def peer(self) -> str:
        """The client's address."""
        return self.core.peer

    @property
    def rules(self) -> Rules:
        """The limits of the server."""
        return self.core.rules

    @property
    def is_closed(self) -> bool:
        """Tell whether the session is over."""
        return self.core.is_closed

    # --- sending ---

    def push(self, frames: Frames) -> None:
        """Queue a packet; never blocks, never raises. It is written at the end of the loop's tick."""
        if self.credit < 0:
            self.push_slowly(frames)
            return
        data = frames.websocket
        credit = self.credit - len(data)
        if credit < 0:
            self.push_slowly(frames)
            return
        self._append(data, credit)

    def push_slowly(self, frames: Frames) -> None:
        """Queue a packet that the credit does not cover: on polling, behind a full transport, after a burst."""
        if self.core.phase is Phase.WEBSOCKET:
            self._push_to_connection(frames.websocket)
            return
        was_empty = not self.core.queue
        self._host.run(self, self.core.enqueue(frames))
        if was_empty and self.core.queue:
            self._host.wake(self)

    def _push_to_connection(self, data: bytes) -> None:
        if self.credit >= 0:
            # A burst within one tick: the bound is for what the kernel refuses, so the kernel gets it first.
            self._write_outbox()
            if self.credit >= 0:
                self._append(data, max(0, self.credit - len(data)))
                return
        waiting = self.waiting
        if waiting and waiting + len(data) > self.max_credit:
            self.close(Reason.SLOW_CLIENT)
        else:
            self.outbox.append(data)
            self.queued += len(data)

    def _append(self, data: bytes, credit: int) -> None:
        self.credit = credit
        if not self.outbox:
            self._host.wake(self)
        self.outbox.append(data)

    def flush_slowly(self) -> None:
        """Flush a session without credit: on polling answer the GET that waits; a full transport lets it wait."""
        if self.core.phase <= Phase.PROBED:
            self._host.run(self, self.core.poll_ready())

    def _write_outbox(self) -> None:
        frames = self.outbox
        data = b"".join(frames)
        frames.clear()
        self.credit = self.max_credit
        if data:
            write_now(self, data)

    def last_frames(self, packet: bytes) -> bytes:
        """Return what a closing WebSocket still writes: the outbox, and an Engine.IO packet unless it is empty."""
        frames = b"".join(self.outbox)
        return frames + frame(TEXT, packet) if packet else frames

    @property
    def waiting(self) -> int:
        """The bytes that wait for the client, in the queue of the core, the outbox and the transport."""
        queued = self.queued if self.credit < 0 else self.max_credit - self.credit
        unsent = self.connection.unsent if self.connection is not None else 0
        return self.core.queued_bytes + queued + unsent

    # --- the transport ---

    def attach(self, connection: WebSocketConnection, transport: asyncio.Transport) -> None:
        """Make `connection` the session's transport."""
        self.connection = connection
        self.transport = transport
        if connection.unsent:
            self.pause()

    def adopt_probe(self, queue: tuple[Frames, ...]) -> None:
        """Make the probing WebSocket the transport, and queue these packets on it: the upgrade is complete."""
        self.outbox = [frames.websocket for frames in queue]
        self.queued = sum(map(len, self.outbox))
        self.resume()
        connection, self.probe = self.probe, None
        if connection is not None and connection.transport is not None:
            connection.is_probe = False
            self.attach(connection, connection.transport)
            if self.outbox:
                self._host.wake(self)

    def answer_poll(self, payload: bytes) -> None:
        """Complete the GET that waits."""
        waiter, self.waiter = self.waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(payload)

    # --- events of the session's WebSockets ---

    def message_received(self, connection: WebSocketConnection, data: Data) -> None:
        """Take a message of the transport, or of the WebSocket that wants to become it."""
        if connection is self.probe:
            self._host.run(self, self.core.probe_received(data))
        else:
            self.packet_received(data)
            if data == "3":
                self._host.watch(self)  # a ping interval below the timeout brings `due` closer

    def packet_received(self, data: Data) -> None:
        """Take an Engine.IO packet, or a binary message, by either transport."""
        if self._count_input(size_of(data) + _PACKET_OVERHEAD):
            self._host.run(self, self.core.receive(data, self._host.now()))

    def ping_received(self, connection: WebSocketConnection, pong: bytes) -> None:
        """Answer a WebSocket PING with `pong`; a client that sends pings and reads nothing hits the same bound."""
        if connection is not self.connection:
            if connection.unsent < self.max_credit:
                connection.send(pong)
        elif self.credit >= len(pong):
            self._append(pong, self.credit - len(pong))

    def writing_resumed(self) -> None:
        """Flush: the transport has drained."""
        if self.core.phase is Phase.WEBSOCKET:
            self.resume()
            if self.outbox:
                self._host.wake(self)

    def hung_up(self, connection: WebSocketConnection) -> None:
        """Stop writing: the client of a WebSocket is gone. `connection_ended` follows in its turn."""
        if connection is self.connection:
            self.transport = None
        self._host.release(connection)

    def connection_ended(self, connection: WebSocketConnection) -> None:
        """Take note that a WebSocket is gone, or was closed by the client."""
        is_transport = connection is self.connection
        self._host.run(self, self.core.connection_lost() if is_transport else self.core.probe_lost())

    def connection_failed(self, connection: WebSocketConnection, code: int) -> None:
        """Take note that the client broke the WebSocket protocol; `code` is the close code for that."""
        is_transport = connection is self.connection
        if is_transport and code == TOO_BIG:
            self._explain_limit()
        self._host.run(self, self.core.connection_failed(code) if is_transport else self.core.probe_broke())

    def flooded(self, connection: WebSocketConnection) -> None:
        """End the session: the client sends more than it may."""
        self.close(Reason.FLOOD)

    # --- input before and after the CONNECT ---

    def limit_input(self, max_bytes: int) -> None:
        """Let the client send so many bytes in all until `unlimit_input`: it has not been accepted yet."""
        self.input_left = max_bytes

    def unlimit_input(self) -> None:
        """Let the client send messages of up to `max_payload` bytes: it was accepted."""
        self.input_left = -1
        for connection in (self.connection, self.probe):
            if connection is not None:
                connection.limit_messages(self.max_message, self.max_dropped)

    @property
    def max_message(self) -> int:
        """Return the bound on the client's next message, in bytes."""
        return self.rules.max_payload if self.input_left < 0 else min(self.rules.max_payload, self.input_left)

    @property
    def max_dropped(self) -> int:
        """Return the bound on a message that is dropped without ending the session, in bytes; 0: none is."""
        return self.rules.max_dropped_payload if self.input_left < 0 else 0

    @property
    def max_body(self) -> int:
        """Return the bound on the body of the client's next POST, in bytes."""
        return max(self.max_message, self.max_dropped)

    def refuse_input(self) -> None:
        """End the session: the client sends more than it may at once."""
        self._explain_limit()
        self.close(Reason.TOO_LARGE)

    def _count_input(self, size: int) -> bool:
        """Count a message of a client that has not been accepted; return False if it has sent too much."""
        if self.input_left < 0:
            return True
        self.input_left -= size
        if self.input_left < 0:
            self.input_left = 0
            self.refuse_input()
            return False
        return True

    def _explain_limit(self) -> None:
        """Queue the answer to a client that sends too much before it is accepted; its session ends next."""
        if self.input_left >= 0 and (refusal := self._host.pending_refusal) is not None:
            self.was_told_why = True
            self.push(refusal)

    # --- input that has to wait ---

    def pause_input(self) -> None:
        """Read nothing more from the client until `resume_input`: what it sent is still being handled."""
        self.is_input_paused = True
        if self.connection is not None:
            self.connection.pause_input()

    def resume_input(self) -> None:
        """Read on."""
        self.is_input_paused = False
        if self.connection is not None:
            self.connection.resume_input()
        waiter, self.input_waiter = self.input_waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # --- time and the end ---

    @property
    def due(self) -> float:
        """When `on_time` should be called."""
        return self.core.due

    def on_time(self, now: float) -> None:
        """Take note that time has passed."""
        was_empty = not self.core.queue
        self._host.run(self, self.core.tick(now))
        if was_empty and self.core.queue:
            self._host.wake(self)

    def close(self, reason: str, detail: str = "") -> None:
        """End the session, for a reason of `Reason` or of the application's own; `detail` is for the log."""
        self.end_detail = self.end_detail or detail
        self._host.run(self, self.core.close(reason))

    def detach(self) -> None:
        """Let go of the transport and of what was queued: the session is over, though a caller may keep it."""
        self.resume_input()
        self.outbox = []
        self.credit = BLOCKED
        self.queued = 0
        self.connection = self.probe = self.waiter = None
        self.transport = None
        self.tickets = None
