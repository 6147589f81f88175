"""Connect the pure core of an Engine.IO session to its write buffer and its transport."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from roomcast.engineio.core import Phase, SessionCore
from roomcast.engineio.core_commands import Command
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
"""Bytes that each packet counts in addition to its data: the shortest head of a masked frame (RFC 6455). A packet in a
polling POST counts the same."""


class Host(Protocol):
    """The calls that a session makes to its server."""

    pending_refusal: Frames | None
    """The answer to a client that sends too much before its CONNECT is accepted; None: no answer."""

    def run(self, session: Session, commands: list[Command]) -> None:
        """Carry out the core's commands."""

    def now(self) -> float:
        """Return the time by the core's clock, in seconds."""

    def watch(self, session: Session) -> None:
        """Schedule the session's next `on_time` again, because `due` may be earlier than before."""

    def wake(self, session: Session) -> None:
        """Write the queued packets with the next flush. A session calls this when its queue was empty before."""

    def release(self, connection: WebSocketConnection) -> None:
        """Queue a connection whose client hung up. Each turn of the event loop releases a few of these."""


class Session(WriteBuffer):
    """One Engine.IO session. Calls on a session that has ended do nothing, so callers need not check."""

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
        "sid",
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
        self.sid = core.sid
        self.connection: WebSocketConnection | None = None
        self.probe: WebSocketConnection | None = None
        self.waiter: asyncio.Future[bytes] | None = None
        self.user: dict[str, Any] | None = None
        self.slot = -1
        self.input_left = -1
        """Bytes that the client may still send before its CONNECT is accepted; negative: no such limit."""
        self.is_input_paused = False
        self.was_told_why = False
        """True once `pending_refusal` was queued, which tells the client why its session ends."""
        self.input_waiter: asyncio.Future[None] | None = None
        self.end_detail = ""
        """The exact fault, for the log. It contains no text from the client."""
        self.pending_events = 0
        self.pending_bytes = 0
        if core.phase is Phase.WEBSOCKET:
            self.resume()

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
        """Queue a packet, which the next flush writes. Never blocks, never raises."""
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
        """Queue a packet for which `credit` does not suffice.

        `credit` is the number of bytes that `push` may still queue; it is negative while the client polls or its
        transport is full.
        """
        if self.core.phase is Phase.WEBSOCKET:
            self._push_to_connection(frames.websocket)
            return
        was_empty = not self.core.queue
        self._host.run(self, self.core.enqueue(frames))
        if was_empty and self.core.queue:
            self._host.wake(self)

    def _push_to_connection(self, data: bytes) -> None:
        if self.credit >= 0:
            # `max_buffer` limits only bytes that the kernel refuses, so give the kernel the queued packets first.
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
        """Flush a session without credit: answer a waiting GET. A full WebSocket flushes in `writing_resumed`."""
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
        """Return the last bytes for a closing WebSocket: the outbox, then a frame with `packet`, if not empty."""
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
        """Use `connection` as the session's transport."""
        self.connection = connection
        self.transport = transport
        if connection.unsent:
            self.pause()

    def adopt_probe(self, queue: tuple[Frames, ...]) -> None:
        """Complete the upgrade: use the probing WebSocket as the transport, and queue these packets on it."""
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
        """Answer the waiting GET."""
        waiter, self.waiter = self.waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(payload)

    # --- events of the session's WebSockets ---

    def message_received(self, connection: WebSocketConnection, data: Data) -> None:
        """Handle a message from the transport, or from the probing WebSocket."""
        if connection is self.probe:
            self._host.run(self, self.core.probe_received(data))
        else:
            self.packet_received(data)
            if data == "3":
                self._host.watch(self)  # a pong changes `due` to the time of the next ping, which may be earlier

    def packet_received(self, data: Data) -> None:
        """Handle an Engine.IO packet, or a binary message, from either transport."""
        if self._count_input(size_of(data) + _PACKET_OVERHEAD):
            self._host.run(self, self.core.receive(data, self._host.now()))

    def ping_received(self, connection: WebSocketConnection, pong: bytes) -> None:
        """Answer a WebSocket PING with `pong`. Drop the pong if too many bytes wait for the client."""
        if connection is not self.connection:
            if connection.unsent < self.max_credit:
                connection.send(pong)
        elif self.credit >= len(pong):
            self._append(pong, self.credit - len(pong))

    def writing_resumed(self) -> None:
        """Flush the outbox, because the transport accepts writes again."""
        if self.core.phase is Phase.WEBSOCKET:
            self.resume()
            if self.outbox:
                self._host.wake(self)

    def hung_up(self, connection: WebSocketConnection) -> None:
        """Stop writing, because the client closed the connection. `Host.release` leads to `connection_ended` later."""
        if connection is self.connection:
            self.transport = None
        self._host.release(connection)

    def connection_ended(self, connection: WebSocketConnection) -> None:
        """End the session if its transport has ended. Keep polling if only the probe has ended."""
        is_transport = connection is self.connection
        self._host.run(self, self.core.connection_lost() if is_transport else self.core.probe_lost())

    def connection_failed(self, connection: WebSocketConnection, code: int) -> None:
        """End the session or drop the probe, because the client violated the protocol. `code` is the close code."""
        is_transport = connection is self.connection
        if is_transport and code == TOO_BIG:
            self._explain_limit()
        self._host.run(self, self.core.connection_failed(code) if is_transport else self.core.probe_broke())

    def flooded(self, connection: WebSocketConnection) -> None:
        """End the session, because the client or its address exceeds the rate of frames or bytes (`InputBudget`)."""
        self.close(Reason.FLOOD)

    # --- input before and after the CONNECT ---

    def limit_input(self, max_bytes: int) -> None:
        """Let the client send at most `max_bytes` in total until its CONNECT is accepted (`unlimit_input`)."""
        self.input_left = max_bytes

    def unlimit_input(self) -> None:
        """Let the client send messages of up to `max_payload` bytes, because its CONNECT was accepted."""
        self.input_left = -1
        for connection in (self.connection, self.probe):
            if connection is not None:
                connection.limit_messages(self.max_message, self.max_dropped)

    @property
    def max_message(self) -> int:
        """Return the size limit of the client's next message, in bytes."""
        return self.rules.max_payload if self.input_left < 0 else min(self.rules.max_payload, self.input_left)

    @property
    def max_dropped(self) -> int:
        """Return the size, in bytes, up to which a message over the limit is dropped without ending the session."""
        return self.rules.max_dropped_payload if self.input_left < 0 else 0

    @property
    def max_body(self) -> int:
        """Return the size limit of the body of the client's next POST, in bytes."""
        return max(self.max_message, self.max_dropped)

    def refuse_input(self) -> None:
        """End the session, because a message is too large, or the client sent too much before its CONNECT."""
        self._explain_limit()
        self.close(Reason.TOO_LARGE)

    def _count_input(self, size: int) -> bool:
        """Count a message towards the limit that applies before the CONNECT. Return False if it is exceeded."""
        if self.input_left < 0:
            return True
        self.input_left -= size
        if self.input_left < 0:
            self.input_left = 0
            self.refuse_input()
            return False
        return True

    def _explain_limit(self) -> None:
        """Queue `pending_refusal` if the client exceeded the limit before its CONNECT. The caller ends the session."""
        if self.input_left >= 0 and (refusal := self._host.pending_refusal) is not None:
            self.was_told_why = True
            self.push(refusal)

    # --- pausing the input ---

    def pause_input(self) -> None:
        """Stop reading from the client until `resume_input`, because its earlier input is still being handled."""
        self.is_input_paused = True
        if self.connection is not None:
            self.connection.pause_input()

    def resume_input(self) -> None:
        """Read from the client again."""
        self.is_input_paused = False
        if self.connection is not None:
            self.connection.resume_input()
        waiter, self.input_waiter = self.input_waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # --- time and the end ---

    @property
    def due(self) -> float:
        """The time of the next `on_time`, by the core's clock."""
        return self.core.due

    def on_time(self, now: float) -> None:
        """Send a ping that is due, or end a session or probe whose time limit has passed."""
        was_empty = not self.core.queue
        self._host.run(self, self.core.tick(now))
        if was_empty and self.core.queue:
            self._host.wake(self)

    def close(self, reason: str, detail: str = "") -> None:
        """End the session. `reason` is one of `Reason`, or a reason of the application; `detail` is for the log."""
        self.end_detail = self.end_detail or detail
        self._host.run(self, self.core.close(reason))

    def detach(self) -> None:
        """Drop the transport and all queued packets: a caller may keep the ended session for long."""
        self.resume_input()
        self.outbox = []
        self.credit = BLOCKED
        self.queued = 0
        self.connection = self.probe = self.waiter = None
        self.transport = None
        self.tickets = None
