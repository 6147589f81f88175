"""One Engine.IO v4 session as a state machine, without asyncio, sockets or a clock.

The methods handle events: input from the client, a change of the transport, a call of the application, or elapsed time
(`now` is any monotonic clock, in seconds). They return commands, which the shell carries out in order. After the
command `Ended`, all events are ignored.

    POLLING --probe_attached--> PROBING --"2probe"--> PROBED --"5"--> WEBSOCKET
       ^--------------------------- probe lost ---------'
    any --> CLOSED

The core queues packets only for polling, where a GET fetches them. On a WebSocket the shell has a write buffer.

Source: the Engine.IO protocol, revision 4 (socket.io documentation).
"""

from __future__ import annotations

from enum import IntEnum
from math import inf

import orjson

from roomcast.engineio.core_commands import (
    AbortConnection,
    AnswerPoll,
    CloseConnection,
    Command,
    Deliver,
    DropProbe,
    Ended,
    KeepPayload,
    PollAnswer,
    RejectRequest,
    SendPing,
    SendToProbe,
    Switch,
)
from roomcast.engineio.frames import PING, SEPARATOR, Frames
from roomcast.engineio.oversized import Data, Oversized
from roomcast.engineio.rules import Reason, Rules
from roomcast.engineio.websocket import rfc6455

NOOP_PACKET = b"6"
CLOSE_PACKET = b"1"


class Phase(IntEnum):
    """The phases of a session, as in the diagram above."""

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
    Reason.FLOOD: rfc6455.POLICY_VIOLATION,
}
_SERVER_CHOSEN = frozenset({Reason.SERVER_DISCONNECT, Reason.RECONNECT})
"""End reasons that the server chooses. A polling client without a waiting GET gets the close packet at its next GET."""
_VIOLATIONS = frozenset({Reason.PARSE_ERROR, Reason.TOO_LARGE, Reason.TRANSPORT_ERROR})
"""End reasons after which a polling client still gets its queued packets. The reference server does the same."""


class SessionCore:
    """The state of one session. `sid` is its id, `peer` the client's address.

    `queue` contains the packets that a polling client will fetch. `queued_bytes` is their size in a payload.
    """

    __slots__ = (
        "_awaiting_pong",
        "_ends_after_upgrade",
        "_guard_due",
        "_guard_reason",
        "_heartbeat_due",
        "_poll_open",
        "_post_open",
        "_probe_due",
        "end_reason",
        "peer",
        "phase",
        "queue",
        "queued_bytes",
        "rules",
        "sid",
        "transport_name",
    )

    def __init__(self, sid: str, peer: str, rules: Rules, phase: Phase, now: float) -> None:
        self.sid = sid
        self.peer = peer
        self.rules = rules
        self.phase = phase
        self.transport_name = "websocket" if phase is Phase.WEBSOCKET else "polling"
        self.queue: list[Frames] = []
        self.queued_bytes = 0
        self._poll_open = False
        self._post_open = False
        self._awaiting_pong = False
        self._heartbeat_due = now + rules.ping_interval
        self._guard_due = now + rules.connect_seconds
        self._guard_reason: str = Reason.CONNECT_TIMEOUT
        self._probe_due = inf
        self._ends_after_upgrade = ""
        """The reason of a close that waits for the upgrade; empty if no close waits."""
        self.end_reason: str | None = None

    # --- the state of the session ---

    def open_packet(self, upgrades: list[str]) -> bytes:
        """Return the handshake: `0` and its JSON; times in milliseconds, the size limit in bytes."""
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
        """The time at which to call `tick`; earlier and later calls do no harm."""
        return min(self._heartbeat_due, self._guard_due, self._probe_due)

    @property
    def is_closed(self) -> bool:
        """Tell whether the session is over."""
        return self.phase is Phase.CLOSED

    @property
    def ends_after_upgrade(self) -> bool:
        """Tell whether a close waits for the upgrade, after which the client gets its queued packets."""
        return bool(self._ends_after_upgrade)

    @property
    def has_poll(self) -> bool:
        """Tell whether a GET waits."""
        return self._poll_open

    def expect(self, due: float, reason: str) -> None:
        """End the session with `reason` at `due`, unless `fulfil` or another `expect` is called before."""
        self._guard_due = due
        self._guard_reason = reason

    def fulfil(self) -> None:
        """Cancel the last `expect`, because the client has done what was expected."""
        self._guard_due = inf

    # --- input of the client ---

    def receive(self, data: Data, now: float) -> list[Command]:
        """Handle a packet on the session's transport: text with its type character, or a binary message."""
        if self.phase is Phase.CLOSED or self._ends_after_upgrade:
            return []
        if isinstance(data, Oversized):
            return self._oversized(data)
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

    def _oversized(self, data: Oversized) -> list[Command]:
        """Deliver the beginning of an oversized message. End the session for an oversized packet of another type."""
        if isinstance(data.head, bytes):
            return [Deliver(data)]
        return [Deliver(data._replace(head=data.head[1:]))] if data.head[:1] == "4" else self.close(Reason.TOO_LARGE)

    def _pong(self, now: float) -> list[Command]:
        if self._awaiting_pong:
            self._awaiting_pong = False
            self._heartbeat_due = now + self.rules.ping_interval
        return []

    def _client_closed(self) -> list[Command]:
        """End the session, because the client has closed it. Answer a waiting GET with a noop."""
        if self.phase is Phase.WEBSOCKET:
            return self._end([CloseConnection(rfc6455.NORMAL, b"")], Reason.CLIENT_DISCONNECT)
        return self._end([*self._answer(PollAnswer.NOOP), *self._drop_probe()], Reason.CLIENT_DISCONNECT)

    # --- long polling ---

    def poll_opened(self) -> list[Command]:
        """Handle a new GET. It waits if the returned commands neither answer nor reject it."""
        if self.phase >= Phase.WEBSOCKET:
            return [RejectRequest()]
        if self._poll_open:
            return [*self.close(Reason.TRANSPORT_ERROR), RejectRequest()]
        self._poll_open = True
        if self.queue:
            return self._answer(PollAnswer.QUEUE)
        return self._answer(PollAnswer.NOOP) if self.phase is Phase.PROBED else []

    def poll_ready(self) -> list[Command]:
        """If a GET waits and packets are queued, answer the GET with the packets."""
        return self._answer(PollAnswer.QUEUE) if self.queue else []

    def poll_lost(self) -> list[Command]:
        """End the session, because the client dropped a waiting GET: an answer to that GET would be lost."""
        if not self._poll_open:
            return []
        self._poll_open = False
        return self.close(Reason.TRANSPORT_CLOSE)

    def post_opened(self) -> list[Command]:
        """Handle a new POST. Its packets go to `receive`. A second POST before `post_ended` ends the session."""
        if self.phase >= Phase.WEBSOCKET:
            return [RejectRequest()]
        if self._post_open:
            return [*self.close(Reason.TRANSPORT_ERROR), RejectRequest()]
        self._post_open = True
        return []

    def post_ended(self) -> None:
        """Allow the next POST."""
        self._post_open = False

    def take_payload(self, answer: PollAnswer) -> bytes:
        """Return the body of an answer, and empty the queue (a NOOP does not touch the queue)."""
        if answer is PollAnswer.NOOP:
            return NOOP_PACKET
        packets = [frames.polling for frames in self.queue]
        self._clear_queue()
        if answer is PollAnswer.CLOSE:
            packets.append(CLOSE_PACKET)
        return SEPARATOR.join(packets) or NOOP_PACKET

    def _clear_queue(self) -> None:
        self.queue, self.queued_bytes = [], 0

    def _answer(self, answer: PollAnswer) -> list[Command]:
        if not self._poll_open:
            return []
        self._poll_open = False
        return [AnswerPoll(answer)]

    def enqueue(self, frames: Frames) -> list[Command]:
        """Queue a packet for a polling client.

        The client is disconnected as too slow if packets already wait for it and this packet would exceed `max_buffer`.
        """
        if self.phase >= Phase.WEBSOCKET or self._ends_after_upgrade:
            return []
        size = len(frames.polling)
        if self.queued_bytes and self.queued_bytes + size > self.rules.max_buffer:
            return self.close(Reason.SLOW_CLIENT)
        self.queue.append(frames)
        self.queued_bytes += size
        return []

    # --- the upgrade from polling to WebSocket ---

    def probe_attached(self, now: float) -> bool:
        """Begin an upgrade, because a probing WebSocket was opened. Return False if the session allows none now."""
        if self.phase is not Phase.POLLING:
            return False
        self.phase = Phase.PROBING
        self._probe_due = now + self.rules.upgrade_seconds
        return True

    def probe_received(self, data: Data) -> list[Command]:
        """Handle a packet on the probing WebSocket: first `2probe`, then `5`."""
        if self.phase is Phase.PROBING and data == "2probe":
            self.phase = Phase.PROBED
            return [SendToProbe(b"3probe"), *self._answer(PollAnswer.NOOP)]
        if self.phase is Phase.PROBED and data == "5":
            return [*self._answer(PollAnswer.NOOP), self._switch(), *self._close_now()]
        return [*self._drop_probe(), *self._close_now()]

    def probe_broke(self) -> list[Command]:
        """Drop the probing WebSocket, because the client violated the WebSocket protocol."""
        return [*self._drop_probe(), *self._close_now()]

    def probe_lost(self) -> list[Command]:
        """Stay on polling, because the probing WebSocket was closed."""
        self._forget_probe()
        return self._close_now()

    def _forget_probe(self) -> None:
        if self.phase in (Phase.PROBING, Phase.PROBED):
            self.phase = Phase.POLLING
            self._probe_due = inf

    def _switch(self) -> Switch:
        self.phase = Phase.WEBSOCKET
        self.transport_name = "websocket"
        self._probe_due = inf
        queue = tuple(self.queue)
        self._clear_queue()
        return Switch(queue)

    def _drop_probe(self) -> list[Command]:
        if self.phase not in (Phase.PROBING, Phase.PROBED):
            return []
        self._forget_probe()
        return [DropProbe()]

    # --- time, loss and the end ---

    def tick(self, now: float) -> list[Command]:
        """Send a ping that is due, or end a session or probe whose time limit has passed."""
        if self.phase is Phase.CLOSED:
            return []
        if now >= self._guard_due:
            return self.close(self._guard_reason)
        commands = [*self._drop_probe(), *self._close_now()] if now >= self._probe_due else []
        if now < self._heartbeat_due:
            return commands
        if self._awaiting_pong:
            return commands + self.close(Reason.PING_TIMEOUT)
        self._awaiting_pong = True
        # Count from the time when the ping was due, so that delays of the timer do not add up. After a pause of the
        # process the client still gets most of the timeout.
        grace = self.rules.ping_timeout / 4
        self._heartbeat_due = max(self._heartbeat_due, now - grace) + self.rules.ping_timeout
        return commands + (self.enqueue(PING) if self.phase < Phase.WEBSOCKET else [SendPing()])

    def connection_lost(self) -> list[Command]:
        """End the session, because its WebSocket connection is lost."""
        return [] if self.phase is Phase.CLOSED else self._end([], Reason.TRANSPORT_CLOSE)

    def connection_failed(self, code: int) -> list[Command]:
        """End the session with close code `code`, because the client violated the WebSocket protocol."""
        if self.phase is Phase.CLOSED:
            return []
        reason = Reason.TOO_LARGE if code == rfc6455.TOO_BIG else Reason.TRANSPORT_ERROR
        return self._end([CloseConnection(code, b"")], reason)

    def close(self, reason: str) -> list[Command]:
        """End the session for `reason`.

        With `Reason.RECONNECT`, a WebSocket closes without a close packet, after which a socket.io client reconnects by
        itself. A polling client then gets the queued packets and a close packet, in the answer to the waiting or the
        next GET. A client in phase PROBED has stopped polling, so it gets the queued packets on the
        WebSocket. Its session ends at the upgrade, or when the time for the upgrade is over. Until then the session
        ignores new packets. A second `close` ends the session at once.
        """
        if self.phase is Phase.CLOSED:
            return []
        if self.phase is Phase.PROBED and self.queue and reason in _SERVER_CHOSEN and not self._ends_after_upgrade:
            self._ends_after_upgrade = reason
            return []
        self._ends_after_upgrade = ""
        if self.phase is Phase.WEBSOCKET:
            return self._end([self._close_connection(reason)], reason)
        commands = self._drop_probe()
        if self._poll_open:
            commands += self._answer(PollAnswer.CLOSE)
        elif reason in _SERVER_CHOSEN or (reason in _VIOLATIONS and self.queue):
            commands.append(KeepPayload(self.take_payload(PollAnswer.CLOSE)))
        return self._end(commands, reason)

    def _close_now(self) -> list[Command]:
        """Close the session if a close waits for the upgrade."""
        return self.close(self._ends_after_upgrade) if self._ends_after_upgrade else []

    @staticmethod
    def _close_connection(reason: str) -> Command:
        if reason == Reason.SLOW_CLIENT:
            return AbortConnection()
        packet = b"" if reason == Reason.RECONNECT else CLOSE_PACKET
        return CloseConnection(_CLOSE_CODES.get(reason, rfc6455.NORMAL), packet)

    def _end(self, commands: list[Command], reason: str) -> list[Command]:
        self.phase = Phase.CLOSED
        self.end_reason = reason
        self._heartbeat_due = self._guard_due = self._probe_due = inf
        return [*commands, Ended(reason)]
