"""The shell around all sessions: carries out the core's commands, keeps the table of sessions, and calls `tick`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

from roomcast.engineio.core import Phase, SessionCore
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
    SendPing,
    SendToProbe,
    Switch,
)
from roomcast.engineio.fair_turns import Turns
from roomcast.engineio.flush import Flusher
from roomcast.engineio.frames import PING, Frames
from roomcast.engineio.kept_payloads import KeptPayloads
from roomcast.engineio.limits.budget import AddressBudgets
from roomcast.engineio.limits.client_addresses import PendingCap
from roomcast.engineio.malloc_trim import give_back
from roomcast.engineio.observer import Observer
from roomcast.engineio.oversized import Data, Oversized
from roomcast.engineio.rules import Reason, Rules
from roomcast.engineio.session import Session
from roomcast.engineio.timers import Timers
from roomcast.engineio.websocket.frame_receiver import FastPath
from roomcast.engineio.websocket.rfc6455 import NORMAL, TEXT, FrameParser, frame
from roomcast.engineio.websocket.transport import WebSocketConnection
from roomcast.wire.limited_log import LimitedLog
from roomcast.wire.tasks import TaskSet

_CLOSE_POLL_SECONDS: Final = 0.01
_SLICE: Final = 8
"""The most sessions that end in one turn of the event loop. Each end takes 25 µs or more, and thousands of clients may
disconnect at once."""
_MANY_GONE: Final = 32
_TRIM_SECONDS: Final = 3.0
"""Delay in seconds before freed memory is returned to the system, after at least _MANY_GONE sessions have ended."""
_SLOW_CONNECT_SECONDS: Final = 2.0
"""Seconds after which a session without a CONNECT may be ended in favour of a newer session of its address."""

_MISBEHAVIOUR: Final = frozenset(
    {
        Reason.PARSE_ERROR,
        Reason.TOO_LARGE,
        Reason.TRANSPORT_ERROR,
        Reason.ATTACHMENT_TIMEOUT,
        Reason.OVERLOAD,
        Reason.FLOOD,
    }
)
_log = LimitedLog(logging.getLogger(__name__))

Receiver = Callable[[Session, Data], None]


class Runtime:
    """The sessions of one server. `receiver` gets every message, in the order of arrival.

    Without a receiver, the application's `message` handler gets the messages. `handlers` contains the application's
    handlers by event.
    """

    def __init__(
        self, rules: Rules, observer: Observer, new_id: Callable[[], str], receiver: Receiver | None = None
    ) -> None:
        self.rules = rules
        self.observer = observer
        self.sessions: dict[str, Session] = {}
        self.handlers: dict[str, Callable[..., Any]] = {}
        self.fast_path: FastPath | None = None
        """Handles plain packets before the receiver gets them."""
        self.pending_refusal: Frames | None = None
        self.pending = PendingCap(rules.max_pending_per_peer)
        self.flusher = Flusher(observer.traffic)
        self.turns = Turns()
        self.tasks = TaskSet()
        self.background = TaskSet()
        self._receiver = receiver or self._receive_by_handler
        self._budgets = AddressBudgets(rules)
        self._new_id = new_id
        self._pending_sids: set[str] = set()
        self._ended: deque[tuple[str, str]] = deque()
        self._gone = 0
        self._trimmer: asyncio.TimerHandle | None = None
        self._hung_up: deque[WebSocketConnection] = deque()
        self._closing: set[WebSocketConnection] = set()
        shortest = min(rules.ping_interval, rules.ping_timeout, rules.close_seconds)
        self._timers = Timers(time.monotonic, min(0.1, max(0.001, shortest / 100)))
        self._kept_payloads = KeptPayloads(self._timers, time.monotonic)

    # --- opening, settling and ending sessions ---

    def create(self, peer: str, phase: Phase) -> Session:
        """Open a session; it counts as pending until `settle`."""
        now = self.now()
        core = SessionCore(self._new_id(), peer, self.rules, phase, now)
        session = Session(self, core, self._budgets.open(peer, now))
        if self.rules.max_pending_bytes:
            session.limit_input(self.rules.max_pending_bytes)
        self.sessions[session.sid] = session
        self.pending.add(peer, session.sid, now)
        self._pending_sids.add(session.sid)
        self.observer.opened(core.transport_name)
        self._timers.watch(session)
        return session

    def connect(self, session: Session | None, *, is_probe: bool = False) -> WebSocketConnection:
        """Make the WebSocket of a session: its transport, or a probe. Without a session, the caller must close it."""
        budget = self._budgets.open("", self.now()) if session is None else session.budget
        if session is None:
            self._budgets.close("")
        return WebSocketConnection(
            session,
            self._make_parser(session),
            budget,
            is_probe=is_probe,
            traffic=self.observer.traffic,
            fast_path=self.fast_path,
            turns=self.turns,
            clock=time.monotonic,
        )

    def _make_parser(self, session: Session | None) -> FrameParser:
        if session is None:
            return FrameParser(self.rules.max_payload)
        return FrameParser(session.max_message, session.max_dropped)

    def settle(self, session: Session) -> None:
        """Stop counting the session as pending, because its CONNECT was accepted or the session has ended."""
        if session.sid in self._pending_sids:
            self._pending_sids.discard(session.sid)
            self.pending.remove(session.peer, session.sid)

    def ensure_pending_capacity(self, peer: str) -> bool:
        """Return whether this address may have one more pending session. At the limit, end its oldest if that is slow.

        A normal client sends its CONNECT within a round trip. Sessions that wait longer without a CONNECT must not keep
        other clients of the same address out.
        """
        if not self.pending.is_full(peer):
            return True
        session = self.sessions.get(self.pending.oldest(peer, self.now() - _SLOW_CONNECT_SECONDS))
        if session is None:
            return False
        session.close(Reason.CONNECT_TIMEOUT)
        return not self.pending.is_full(peer)

    def is_pending(self, sid: str) -> bool:
        """Tell whether the session's CONNECT has not been accepted yet."""
        return sid in self._pending_sids

    async def call(self, event: str, *args: Any) -> Any:
        """Call the application's handler of `event`, if it has one."""
        result = self.call_now(event, *args)
        return await result if isinstance(result, Awaitable) else result

    def call_now(self, event: str, *args: Any) -> Any:
        """Call the handler without a coroutine: return its result, or the awaitable that it returns."""
        handler = self.handlers.get(event)
        return None if handler is None else handler(*args)

    def _receive_by_handler(self, session: Session, data: Data) -> None:
        """Start the handler as a task. Tasks start in the order in which they are made, here the order of arrival."""
        if isinstance(data, Oversized):
            session.close(Reason.TOO_LARGE)  # a handler accepts only whole messages
            return
        self.tasks.start(self.call("message", session.sid, data), "message")

    def _end(self, session: Session, reason: str) -> None:
        self.sessions.pop(session.sid, None)
        self.settle(session)
        self._budgets.close(session.peer)
        self._log_end(session, reason)
        session.detach()
        self.observer.closed(session.core.transport_name, reason)
        if not self._ended:
            asyncio.get_running_loop().call_soon(self._announce_ended)
        self._ended.append((session.sid, reason))

    @staticmethod
    def _log_end(session: Session, reason: str) -> None:
        """Log the end of a session whose client violated a rule: at most one line per reason in ten seconds."""
        if reason in _MISBEHAVIOUR:
            detail = f" ({session.end_detail})" if session.end_detail else ""
            _log.warning(reason, "closed a session of %s: %s%s", session.peer, reason, detail)

    def _announce_ended(self) -> None:
        """Start the disconnect handlers of ended sessions, a few in each turn of the event loop."""
        for _ in range(min(_SLICE, len(self._ended))):
            sid, reason = self._ended.popleft()
            self._gone += 1
            self.tasks.start(self.call("disconnect", sid, reason), "disconnect")
        if self._ended:
            asyncio.get_running_loop().call_soon(self._announce_ended)
        elif self._gone >= _MANY_GONE and self._trimmer is None:
            self._trimmer = asyncio.get_running_loop().call_later(_TRIM_SECONDS, self._give_memory_back)

    def _give_memory_back(self) -> None:
        """Return the memory of many sessions that have ended."""
        self._trimmer = None
        self._gone = 0
        give_back()

    def release(self, connection: WebSocketConnection) -> None:
        """Queue a WebSocket whose client hung up. Each turn of the event loop releases a few of these."""
        if not self._hung_up:
            asyncio.get_running_loop().call_soon(self._release_some)
        self._hung_up.append(connection)

    def _release_some(self) -> None:
        for _ in range(min(_SLICE, len(self._hung_up))):
            self._hung_up.popleft().release()
        if self._hung_up:
            asyncio.get_running_loop().call_soon(self._release_some)

    async def drain(self, deadline: float) -> None:
        """Wait until all disconnect handlers have run, and clients have answered CLOSE. Then stop the timers.

        Wait until `deadline` at most. If the process exited before a client's CLOSE, data could be lost that the client
        or a proxy has not read yet.
        """
        while self._ended:  # noqa: ASYNC110 - handlers start in slices, one in each turn of the event loop
            await asyncio.sleep(0)
        await self.tasks.wait(max(0.0, deadline - self.now()))
        while self._closing and self.now() < deadline:  # noqa: ASYNC110 - once in a process
            await asyncio.sleep(_CLOSE_POLL_SECONDS)
        self._timers.stop()
        if self._trimmer is not None:
            self._trimmer.cancel()
        await self.tasks.cancel()
        await self.background.cancel()

    def take_kept_payload(self, sid: str) -> bytes | None:
        """Return the last payload of a closed polling session, if its client has not fetched it."""
        return self._kept_payloads.take(sid)

    # --- the methods that sessions call ---

    def now(self) -> float:
        """Return the time by the core's clock."""
        return time.monotonic()

    def watch(self, session: Session) -> None:
        """Schedule the session's next `on_time` again, because `due` may be earlier than before."""
        self._timers.watch(session)

    def wake(self, session: Session) -> None:
        """Write the queued packets of the session with the next flush."""
        self.flusher.wake(session)

    def run(self, session: Session, commands: list[Command]) -> None:
        """Carry out the core's commands, in order."""
        for command in commands:
            if isinstance(command, Deliver):
                self._receiver(session, command.data)
            else:
                self._run_one(session, command)

    def _run_one(self, session: Session, command: Command) -> None:
        match command:
            case AnswerPoll(answer):
                self._answer_poll(session, answer)
            case SendPing():
                session.push(PING)
            case SendToProbe(text) if session.probe is not None:
                session.probe.send(frame(TEXT, text))
            case DropProbe() if session.probe is not None:
                connection, session.probe = session.probe, None
                self.finish(connection, NORMAL, b"")
            case Switch(queue):
                session.adopt_probe(queue)
                self.observer.upgraded()
            case CloseConnection(code, packet) if session.connection is not None:
                self.finish(session.connection, code, session.last_frames(packet))
            case AbortConnection() if session.connection is not None:
                self.observer.cut_slow(session.waiting)
                session.connection.abort()
            case KeepPayload(payload):
                # In a drain the server closes all sessions at once: no client may lose its last packets then.
                is_bounded = session.core.end_reason != Reason.RECONNECT
                self._kept_payloads.keep(session.sid, payload, is_bounded=is_bounded)
            case Ended(reason):
                self._end(session, reason)

    def _answer_poll(self, session: Session, answer: PollAnswer) -> None:
        traffic = self.observer.traffic
        traffic.writes += 1
        traffic.packets += len(session.core.queue)
        payload = session.core.take_payload(answer)
        traffic.sent += len(payload)
        session.answer_poll(payload)

    def finish(self, connection: WebSocketConnection, code: int, last: bytes) -> None:
        """Close a WebSocket with a CLOSE frame, and abort it if it does not end in time."""
        if connection.finish(code, last, self.now(), self.rules.close_seconds, self._closing.discard):
            self._closing.add(connection)
            self._timers.watch(connection)

    @property
    def unfetched(self) -> int:
        """Return the number of closed sessions whose client has not fetched its last packets yet."""
        return len(self._kept_payloads) + sum(session.core.ends_after_upgrade for session in self.sessions.values())
