"""One Engine.IO v4 session as a state machine: events in, commands out; no asyncio, no sockets, no clock.

Every method is an event: what the client sent, what the transport noticed, what the application wants, or that time
has passed (`now` is any monotonic clock, in seconds). It answers with the commands that the shell carries out in
order. After `Ended` every event is a no-op.

    POLLING --probe_attached--> PROBING --"2probe"--> PROBED --"5"--> WEBSOCKET
       ^--------------------------- probe lost ---------'
    any --> CLOSED

Source: the Engine.IO protocol, revision 4 (socket.io documentation).
"""

from __future__ import annotations

from enum import IntEnum
from math import inf

import orjson

from roomcast.engineio import rfc6455
from roomcast.engineio.commands import (
    AbortLink,
    AnswerPoll,
    CloseLink,
    Command,
    Deliver,
    DropProbe,
    Ended,
    LeaveFarewell,
    PollAnswer,
    RefusePoll,
    SendToProbe,
    Switch,
)
from roomcast.engineio.frames import PING, SEPARATOR, Frames
from roomcast.engineio.rules import Reason, Rules
from roomcast.engineio.write_buffer import WriteBuffer

NOOP_PACKET = b"6"
CLOSE_PACKET = b"1"
_BLOCKED = -1


class Phase(IntEnum):
    POLLING = 0
    PROBING = 1
    PROBED = 2
    WEBSOCKET = 3
    CLOSED = 4


_CLOSE_CODES = {
    Reason.PARSE_ERROR: rfc6455.UNSUPPORTED_DATA,
    Reason.TOO_LARGE: rfc6455.TOO_BIG,
    Reason.RECONNECT: rfc6455.SERVICE_RESTART,
    Reason.CONNECT_TIMEOUT: rfc6455.POLICY_VIOLATION,
    Reason.ATTACHMENT_TIMEOUT: rfc6455.POLICY_VIOLATION,
    Reason.OVERLOAD: rfc6455.POLICY_VIOLATION,
}
_FAREWELL_REASONS = frozenset({Reason.SERVER_DISCONNECT, Reason.RECONNECT})
"""Ends that the server chose: a polling client between two GETs is still owed the close packet."""


class SessionCore(WriteBuffer):
    """The state of one session. `sid` is its id, `peer` the client's address.

    On an open WebSocket `outbox` holds frames (bytes) and `credit` the bytes that may still be queued without a
    look at the transport. Everywhere else it holds `Frames`, `credit` is negative and `queued` counts the bytes.
    """

    __slots__ = (
        "_awaiting_pong",
        "_guard_due",
        "_guard_reason",
        "_heartbeat_due",
        "_poll_open",
        "_post_open",
        "_probe_due",
        "end_reason",
        "peer",
        "phase",
        "queued",
        "rules",
        "sid",
        "transport_name",
    )

    def __init__(self, sid: str, peer: str, rules: Rules, phase: Phase, now: float) -> None:
        super().__init__(rules.max_buffer)
        self.sid = sid
        self.peer = peer
        self.rules = rules
        self.phase = phase
        self.transport_name = "websocket" if phase is Phase.WEBSOCKET else "polling"
        self.queued = 0
        self.credit = rules.max_buffer if phase is Phase.WEBSOCKET else _BLOCKED
        self._poll_open = False
        self._post_open = False
        self._awaiting_pong = False
        self._heartbeat_due = now + rules.ping_interval
        self._guard_due = now + rules.connect_seconds
        self._guard_reason: str = Reason.CONNECT_TIMEOUT
        self._probe_due = inf
        self.end_reason: str | None = None

    # --- what the server says about the session ---

    def open_packet(self, upgrades: list[str]) -> bytes:
        """The handshake: `0` and its JSON; times in milliseconds, the size limit in bytes."""
        handshake = {
            "sid": self.sid,
            "upgrades": upgrades,
            "pingInterval": round(self.rules.ping_interval * 1000),
            "pingTimeout": round(self.rules.ping_timeout * 1000),
            "maxPayload": self.rules.max_payload,
        }
        return b"0" + orjson.dumps(handshake)

    @property
    def due(self) -> float:
        """When `tick` wants to be called; earlier and later calls do no harm."""
        return min(self._heartbeat_due, self._guard_due, self._probe_due)

    @property
    def is_closed(self) -> bool:
        return self.phase is Phase.CLOSED

    @property
    def has_poll(self) -> bool:
        """Does a GET wait?"""
        return self._poll_open

    def expect(self, due: float, reason: str) -> None:
        """End the session with `reason` at `due`, unless `fulfil` or another `expect` comes before."""
        self._guard_due = due
        self._guard_reason = reason

    def fulfil(self) -> None:
        """What was expected has come."""
        self._guard_due = inf

    # --- what the client sent ---

    def receive(self, data: str | bytes, now: float) -> list[Command]:
        """A packet on the session's transport: text with its type character, or a binary message."""
        if self.phase is Phase.CLOSED:
            return []
        if isinstance(data, bytes):
            return [Deliver(data)]
        kind = data[:1]
        if kind == "4":
            return [Deliver(data[1:])]
        if kind == "3":
            return self._pong(now)
        if kind == "1":
            return self._client_closed()
        return [] if data == "6" else self.close(Reason.PARSE_ERROR)

    def _pong(self, now: float) -> list[Command]:
        if self._awaiting_pong:
            self._awaiting_pong = False
            self._heartbeat_due = now + self.rules.ping_interval
        return []

    def _client_closed(self) -> list[Command]:
        """A GET that waits is ended with a noop: the client knows already."""
        if self.phase is Phase.WEBSOCKET:
            return self._end([CloseLink(rfc6455.NORMAL, b"")], Reason.CLIENT_DISCONNECT)
        return self._end([*self._answer(PollAnswer.NOOP), *self._drop_probe()], Reason.CLIENT_DISCONNECT)

    # --- long polling ---

    def poll_opened(self) -> list[Command]:
        """A GET came. It waits unless an `AnswerPoll` or `RefusePoll` follows at once."""
        if self.phase >= Phase.WEBSOCKET:
            return [RefusePoll()]
        if self._poll_open:
            return [*self.close(Reason.TRANSPORT_ERROR), RefusePoll()]
        self._poll_open = True
        if self.outbox:
            return self._answer(PollAnswer.OUTBOX)
        return self._answer(PollAnswer.NOOP) if self.phase is Phase.PROBED else []

    def poll_ready(self) -> list[Command]:
        """Something was queued: answer the GET that waits, if one does."""
        return self._answer(PollAnswer.OUTBOX) if self.outbox else []

    def poll_lost(self) -> list[Command]:
        """The client went away from a waiting GET; what an answer held would be lost, so the session ends."""
        if not self._poll_open:
            return []
        self._poll_open = False
        return self.close(Reason.TRANSPORT_CLOSE)

    def post_opened(self) -> list[Command]:
        """A POST came; its packets follow as `receive`, its end as `post_ended`. Two at once have no order."""
        if self.phase >= Phase.WEBSOCKET:
            return [RefusePoll()]
        if self._post_open:
            return [*self.close(Reason.TRANSPORT_ERROR), RefusePoll()]
        self._post_open = True
        return []

    def post_ended(self) -> None:
        self._post_open = False

    def take_payload(self, answer: PollAnswer) -> bytes:
        """The body of an answer, which empties the outbox (a plain noop leaves it alone)."""
        if answer is PollAnswer.NOOP:
            return NOOP_PACKET
        packets = [frames.polling for frames in self.outbox]
        self.outbox, self.queued = [], 0
        if answer is PollAnswer.CLOSE:
            packets.append(CLOSE_PACKET)
        return SEPARATOR.join(packets) or NOOP_PACKET

    def _answer(self, answer: PollAnswer) -> list[Command]:
        if not self._poll_open:
            return []
        self._poll_open = False
        return [AnswerPoll(answer)]

    # --- the upgrade from polling to WebSocket ---

    def probe_attached(self, now: float) -> bool:
        """A WebSocket wants to take the session over; False when that is not possible now."""
        if self.phase is not Phase.POLLING:
            return False
        self.phase = Phase.PROBING
        self._probe_due = now + self.rules.upgrade_seconds
        return True

    def probe_received(self, data: str | bytes) -> list[Command]:
        """A packet on the probing WebSocket: first `2probe`, then `5`."""
        if self.phase is Phase.PROBING and data == "2probe":
            self.phase = Phase.PROBED
            return [SendToProbe(b"3probe"), *self._answer(PollAnswer.NOOP)]
        if self.phase is Phase.PROBED and data == "5":
            return [*self._answer(PollAnswer.NOOP), self._switch()]
        return self._drop_probe()

    def probe_broke(self) -> list[Command]:
        """The WebSocket misbehaved before it took over."""
        return self._drop_probe()

    def probe_lost(self) -> list[Command]:
        """The WebSocket went away before it took over; the session stays on polling."""
        if self.phase in (Phase.PROBING, Phase.PROBED):
            self.phase = Phase.POLLING
            self._probe_due = inf
        return []

    def _switch(self) -> Switch:
        self.phase = Phase.WEBSOCKET
        self.transport_name = "websocket"
        self._probe_due = inf
        frames = [queued.websocket for queued in self.outbox]
        self.outbox, self.queued = frames, 0
        self.credit = max(0, self.rules.max_buffer - sum(map(len, frames)))
        return Switch()

    def _drop_probe(self) -> list[Command]:
        if self.phase not in (Phase.PROBING, Phase.PROBED):
            return []
        self.probe_lost()
        return [DropProbe()]

    # --- what goes out ---

    def enqueue(self, frames: Frames, held: int) -> list[Command]:
        """Queue a packet where `credit` does not allow it offhand; `held` bytes wait in the transport.

        A client that has something waiting and would pass `max_buffer` with this is cut: it reads too slowly.
        """
        if self.phase is Phase.CLOSED:
            return []
        on_websocket = self.phase is Phase.WEBSOCKET
        data = frames.websocket if on_websocket else frames.polling
        waiting = self.queued + held
        if waiting and waiting + len(data) > self.rules.max_buffer:
            return self.close(Reason.SLOW_CLIENT)
        if on_websocket:
            self.outbox.append(data)
        else:
            self.outbox.append(frames)
        self.queued += len(data)
        return []

    def pause(self) -> None:
        """The WebSocket's transport took more than it likes: what is queued from now on waits and is counted."""
        if self.credit >= 0:
            self.queued = self.rules.max_buffer - self.credit
            self.credit = _BLOCKED

    def resume(self) -> None:
        """The transport has drained: the outbox may go out."""
        if self.phase is Phase.WEBSOCKET and self.credit < 0:
            self.credit = max(0, self.rules.max_buffer - self.queued)
            self.queued = 0

    # --- time, loss and the end ---

    def tick(self, now: float) -> list[Command]:
        """Time has passed."""
        if self.phase is Phase.CLOSED:
            return []
        if now >= self._guard_due:
            return self.close(self._guard_reason)
        commands = self._drop_probe() if now >= self._probe_due else []
        if now < self._heartbeat_due:
            return commands
        if self._awaiting_pong:
            return commands + self.close(Reason.PING_TIMEOUT)
        self._awaiting_pong = True
        # Counted from when the ping was due, so that the slots of a timer do not add up; but a process that was
        # stopped meanwhile gives its clients their full time.
        grace = self.rules.ping_timeout / 4
        self._heartbeat_due = max(self._heartbeat_due, now - grace) + self.rules.ping_timeout
        return commands + self._ping()

    def _ping(self) -> list[Command]:
        if self.credit < 0:
            return self.enqueue(PING, 0)
        self.outbox.append(PING.websocket)
        self.credit = max(0, self.credit - len(PING.websocket))
        return []

    def link_lost(self) -> list[Command]:
        """The WebSocket is gone."""
        return [] if self.phase is Phase.CLOSED else self._end([], Reason.TRANSPORT_CLOSE)

    def link_failed(self, code: int) -> list[Command]:
        """The client broke the WebSocket protocol; `code` is the close code for it."""
        if self.phase is Phase.CLOSED:
            return []
        reason = Reason.TOO_LARGE if code == rfc6455.TOO_BIG else Reason.TRANSPORT_ERROR
        return self._end([CloseLink(code, b"")], reason)

    def close(self, reason: str) -> list[Command]:
        """End the session for `reason`.

        `Reason.RECONNECT` moves the client: its transport closes, which lets a socket.io client reconnect by
        itself; nothing is said on the Socket.IO level.
        """
        if self.phase is Phase.CLOSED:
            return []
        if self.phase is Phase.WEBSOCKET:
            return self._end([self._close_link(reason)], reason)
        commands = self._drop_probe()
        if self._poll_open:
            commands += self._answer(PollAnswer.CLOSE)
        elif reason in _FAREWELL_REASONS:
            commands.append(LeaveFarewell(self.take_payload(PollAnswer.CLOSE)))
        return self._end(commands, reason)

    @staticmethod
    def _close_link(reason: str) -> Command:
        if reason == Reason.SLOW_CLIENT:
            return AbortLink()
        farewell = b"" if reason == Reason.RECONNECT else CLOSE_PACKET
        return CloseLink(_CLOSE_CODES.get(reason, rfc6455.NORMAL), farewell)

    def _end(self, commands: list[Command], reason: str) -> list[Command]:
        self.phase = Phase.CLOSED
        self.end_reason = reason
        self.credit = _BLOCKED
        self._heartbeat_due = self._guard_due = self._probe_due = inf
        return [*commands, Ended(reason)]
