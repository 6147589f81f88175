"""The shell around all sessions: carries out what the core commands, keeps the table, and feeds time in."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from math import inf
from typing import Any, Final

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
    SendToProbe,
    Switch,
)
from roomcast.engineio.core import Phase
from roomcast.engineio.flush import Flusher
from roomcast.engineio.frame_receiver import FastPath
from roomcast.engineio.observer import Observer
from roomcast.engineio.peers import PendingCap
from roomcast.engineio.rfc6455 import NORMAL, TEXT, frame
from roomcast.engineio.rules import Rules
from roomcast.engineio.session import Session
from roomcast.engineio.timers import Timers
from roomcast.engineio.websocket import WebSocketLink
from roomcast.wire.tasks import TaskSet

_END_SLICE: Final = 8
_FAREWELL_SECONDS: Final = 10.0

Receiver = Callable[[Session, str | bytes], None]


class _Farewell:
    """The last payload of a polling session that was closed between two GETs; forgotten in time."""

    __slots__ = ("_forget", "due", "payload", "slot")

    def __init__(self, payload: bytes, due: float, forget: Callable[[], Any]) -> None:
        self.payload = payload
        self.due = due
        self.slot = -1
        self._forget = forget

    def on_time(self, now: float) -> None:
        if now >= self.due:
            self.due = inf
            self._forget()


class Runtime:
    """The sessions of one server. `handlers` and `receiver` are the application's."""

    def __init__(self, rules: Rules, observer: Observer, new_id: Callable[[], str]) -> None:
        self.rules = rules
        self.observer = observer
        self.sessions: dict[str, Session] = {}
        self.handlers: dict[str, Callable[..., Any]] = {}
        self.receiver: Receiver = self._receive_by_handler
        self.fast_path: FastPath | None = None
        """Takes plain packets past the receiver."""
        self.pending = PendingCap(rules.max_pending_per_peer)
        self.flusher = Flusher(observer.traffic)
        self.tasks = TaskSet()
        self.background = TaskSet()
        self._new_id = new_id
        self._pending_sids: set[str] = set()
        self._farewells: dict[str, _Farewell] = {}
        self._ended: deque[tuple[str, str]] = deque()
        self._hung_up: deque[WebSocketLink] = deque()
        shortest = min(rules.ping_interval, rules.ping_timeout, rules.close_seconds)
        self._timers = Timers(time.monotonic, min(0.1, max(0.001, shortest / 100)))

    # --- the life of a session ---

    def create(self, peer: str, phase: Phase) -> Session:
        session = Session(self, self._new_id(), peer, self.rules, phase)
        self.sessions[session.sid] = session
        self.pending.add(session.peer)
        self._pending_sids.add(session.sid)
        self.observer.opened(session.transport_name)
        self._timers.watch(session)
        return session

    def settle(self, session: Session) -> None:
        """The session has done its CONNECT, or is over: it does not count as pending any more."""
        if session.sid in self._pending_sids:
            self._pending_sids.discard(session.sid)
            self.pending.remove(session.peer)

    def is_pending(self, sid: str) -> bool:
        """Has the session not done its CONNECT yet?"""
        return sid in self._pending_sids

    async def call(self, event: str, *args: Any) -> Any:
        """Call the application's handler of `event`, if it has one."""
        result = self.call_now(event, *args)
        return await result if isinstance(result, Awaitable) else result

    def call_now(self, event: str, *args: Any) -> Any:
        """The same without a coroutine: the result of a plain handler, or what is to be awaited of another."""
        handler = self.handlers.get(event)
        return None if handler is None else handler(*args)

    def _receive_by_handler(self, session: Session, data: str | bytes) -> None:
        """Tasks start in the order in which they are made, hence handlers in the order of arrival."""
        self.tasks.start(self.call("message", session.sid, data), "message")

    def _end(self, session: Session, reason: str) -> None:
        self.sessions.pop(session.sid, None)
        self.settle(session)
        session.detach()
        self.observer.closed(session.transport_name, reason)
        if not self._ended:
            asyncio.get_running_loop().call_soon(self._announce_ended)
        self._ended.append((session.sid, reason))

    def _announce_ended(self) -> None:
        """Disconnect handlers start in slices: ten thousand clients may go at once."""
        for _ in range(min(_END_SLICE, len(self._ended))):
            sid, reason = self._ended.popleft()
            self.tasks.start(self.call("disconnect", sid, reason), "disconnect")
        if self._ended:
            asyncio.get_running_loop().call_soon(self._announce_ended)

    def bury(self, link: WebSocketLink) -> None:
        if not self._hung_up:
            asyncio.get_running_loop().call_soon(self._bury_some)
        self._hung_up.append(link)

    def _bury_some(self) -> None:
        """To end a session and close a transport costs 25 µs, and thousands of clients may hang up at once."""
        for _ in range(min(_END_SLICE, len(self._hung_up))):
            self._hung_up.popleft().bury()
        if self._hung_up:
            asyncio.get_running_loop().call_soon(self._bury_some)

    async def drain(self, deadline: float) -> None:
        """Wait until the application knows of every end, at most until `deadline`; then stop."""
        while self._ended:  # noqa: ASYNC110 - handlers start in slices, one in each tick
            await asyncio.sleep(0)
        await self.tasks.wait(max(0.0, deadline - self.now()))
        self._timers.stop()
        await self.tasks.cancel()
        await self.background.cancel()

    def take_farewell(self, sid: str) -> bytes | None:
        """The payload that a closed polling session still owes its client."""
        farewell = self._farewells.pop(sid, None)
        if farewell is None:
            return None
        farewell.due = inf
        return farewell.payload

    # --- what sessions need ---

    def now(self) -> float:
        return time.monotonic()

    def watch(self, session: Session) -> None:
        self._timers.watch(session)

    def run(self, session: Session, commands: list[Command]) -> None:
        """Carry out what the core decided, in order."""
        for command in commands:
            if isinstance(command, Deliver):
                self.receiver(session, command.data)
            else:
                self._run_one(session, command)

    def _run_one(self, session: Session, command: Command) -> None:
        match command:
            case AnswerPoll(answer):
                self._answer_poll(session, answer)
            case SendToProbe(text) if session.probe is not None:
                session.probe.send(frame(TEXT, text))
            case DropProbe() if session.probe is not None:
                link, session.probe = session.probe, None
                self.finish(link, NORMAL, b"")
            case Switch():
                session.adopt_probe()
                self.observer.upgraded()
            case CloseLink(code, farewell) if session.link is not None:
                self.finish(session.link, code, session.last_frames(farewell))
            case AbortLink() if session.link is not None:
                self.observer.cut_slow(session.waiting)
                session.link.abort()
            case LeaveFarewell(payload):
                self._leave_farewell(session.sid, payload)
            case Ended(reason):
                self._end(session, reason)

    def _answer_poll(self, session: Session, answer: PollAnswer) -> None:
        traffic = self.observer.traffic
        traffic.writes += 1
        traffic.packets += len(session.outbox)
        payload = session.take_payload(answer)
        traffic.sent += len(payload)
        session.answer_poll(payload)

    def finish(self, link: WebSocketLink, code: int, last: bytes) -> None:
        """Close a WebSocket politely, and watch that it ends."""
        link.finish(code, last, self.now(), self.rules.close_seconds)
        self._timers.watch(link)

    @property
    def farewells(self) -> int:
        """How many wait to be fetched."""
        return len(self._farewells)

    def _leave_farewell(self, sid: str, payload: bytes) -> None:
        farewell = _Farewell(payload, self.now() + _FAREWELL_SECONDS, lambda: self._farewells.pop(sid, None))
        self._farewells[sid] = farewell
        self._timers.watch(farewell)
