"""The flush writes the queued frames of each session in one joined write. It runs in slices and keeps their order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from roomcast.engineio.core import Phase, SessionCore
from roomcast.engineio.core_commands import Command, Ended
from roomcast.engineio.flush import SLICE, Flusher
from roomcast.engineio.frames import Frames
from roomcast.engineio.limits.budget import AddressBudgets
from roomcast.engineio.observer import NoObserver
from roomcast.engineio.rules import Reason, Rules
from roomcast.engineio.session import Session
from tests.unit.hotpath.fakes import Transport


class Shell:
    """A server without sockets. It records the writes and commands of its sessions."""

    def __init__(self, soon: list[Callable[[], None]]) -> None:
        self.soon = soon
        self.observer = NoObserver()
        self.clock = 0.0
        self.flusher = Flusher(self.observer.traffic, lambda: self.clock)
        self.commands: list[Command] = []
        self.pauses: list[float] = []
        self.pending_refusal: Frames | None = None

    def run(self, session: Session, commands: list[Command]) -> None:
        self.commands += commands

    def now(self) -> float:
        return 0.0

    def watch(self, session: Session) -> None: ...

    def wake(self, session: Session) -> None:
        self.flusher.wake(session)

    def release(self, connection: Any) -> None: ...

    def session(self, rules: Rules | None = None, phase: Phase = Phase.WEBSOCKET) -> tuple[Session, list[bytes]]:
        rules = rules or Rules()
        core = SessionCore("g1.x", "", rules, phase, now=0.0)
        session = Session(self, core, AddressBudgets(rules).open("", 0.0))
        transport = Transport()
        session.transport = cast("Any", transport)
        return session, transport.written

    def tick(self) -> int:
        """Run the calls scheduled for the next tick; return their number."""
        due, self.soon[:] = list(self.soon), []
        for call in due:
            call()
        return len(due)


def on_write(session: Session, call: Callable[[bytes], None]) -> None:
    """Call `call` at each write to the session's transport."""
    cast("Transport", session.transport).on_write = call


class _Loop:
    def __init__(self, soon: list[Callable[[], None]], later: list[float]) -> None:
        self._soon = soon
        self._later = later
        self.call_soon = soon.append

    def call_later(self, delay: float, call: Callable[[], None]) -> None:
        self._later.append(delay)
        self._soon.append(call)


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Shell:
    soon: list[Callable[[], None]] = []
    pauses: list[float] = []
    monkeypatch.setattr("asyncio.get_running_loop", lambda: _Loop(soon, pauses))
    shell = Shell(soon)
    shell.pauses = pauses
    return shell


def test_the_packets_of_one_tick_are_one_write(shell: Shell) -> None:
    session, written = shell.session()
    session.push(Frames(b"a"))
    shell.flusher.push_many([session], Frames(b"b"))
    session.push(Frames(b"c"))
    assert written == []
    assert shell.tick() == 1
    assert written == [b"\x81\x024a\x81\x024b\x81\x024c"]
    assert session.credit == session.max_credit
    traffic = shell.observer.traffic
    assert (traffic.writes, traffic.packets, traffic.sent) == (1, 3, 12)
    assert shell.tick() == 0


def test_a_session_gets_its_own_frames_between_the_frames_of_its_room(shell: Shell) -> None:
    sessions = [shell.session() for _ in range(4)]
    shell.flusher.push_many([session for session, _ in sessions], Frames(b"room"))
    sessions[1][0].push(Frames(b"own"))
    shell.flusher.push_many([session for session, _ in sessions[:3]], Frames(b"more"))
    shell.tick()
    texts = [[part for part in (b"room", b"own", b"more") if part in written[0]] for _, written in sessions]
    assert texts == [[b"room", b"more"], [b"room", b"own", b"more"], [b"room", b"more"], [b"room"]]


def test_the_flush_of_many_sessions_runs_in_slices(shell: Shell) -> None:
    sessions = [shell.session() for _ in range(SLICE * 2 + 1)]
    shell.flusher.push_many([session for session, _ in sessions], Frames(b"1"))
    shell.tick()
    assert sum(len(written) for _, written in sessions) == SLICE
    shell.flusher.push_many([session for session, _ in sessions], Frames(b"2"))
    while shell.tick():
        pass
    assert {b"".join(written) for _, written in sessions} == {b"\x81\x0241\x81\x0242"}


def test_packets_wait_while_the_transport_is_full(shell: Shell) -> None:
    session, written = shell.session()
    session.push(Frames(b"a"))
    session.pause()
    session.push(Frames(b"b"))
    shell.tick()
    assert written == []
    session.writing_resumed()
    shell.tick()
    assert written == [b"\x81\x024a\x81\x024b"]


def test_a_burst_above_max_buffer_is_written_without_waiting_for_the_flush(shell: Shell) -> None:
    session, written = shell.session(Rules(max_buffer=100))
    for _ in range(5):
        session.push(Frames(b"x" * 57))
    assert [len(data) for data in written] == [60, 60, 60, 60]
    shell.tick()
    assert len(written) == 5
    assert shell.commands == []


def test_a_burst_above_max_buffer_ends_the_session_if_its_transport_is_full(shell: Shell) -> None:
    session, _ = shell.session(Rules(max_buffer=100))
    on_write(session, lambda data: session.pause())
    for _ in range(4):
        session.push(Frames(b"x" * 57))
    assert Ended(Reason.SLOW_CLIENT) in shell.commands


def test_closed_sessions_get_no_packets(shell: Shell) -> None:
    session, written = shell.session()
    session.push(Frames(b"a"))
    session.close(Reason.RECONNECT)
    session.detach()
    shell.flusher.push_many([session], Frames(b"b"))
    session.push(Frames(b"c"))
    shell.tick()
    assert written == []
    assert session.waiting == 0


def test_a_small_room_does_not_wait_for_the_flush_of_a_huge_room(shell: Shell) -> None:
    huge = [shell.session() for _ in range(SLICE * 5)]
    small = [shell.session() for _ in range(3)]
    shell.flusher.push_many([session for session, _ in huge], Frames(b"huge"))
    shell.tick()
    shell.flusher.push_many([session for session, _ in small], Frames(b"small"))
    shell.tick()
    assert all(written for _, written in small)
    assert sum(len(written) for _, written in huge) == SLICE * 2 - 3


def test_a_long_flush_is_followed_by_a_pause(shell: Shell) -> None:
    session, written = shell.session()

    def slow(data: bytes) -> None:
        shell.clock += 0.001

    on_write(session, slow)
    session.push(Frames(b"a"))
    shell.tick()
    session.push(Frames(b"b"))
    session.push(Frames(b"c"))
    assert shell.pauses == [pytest.approx(0.004)]
    shell.tick()
    assert written == [b"\x81\x024a", b"\x81\x024b\x81\x024c"]
    shell.clock += 1.0
    session.push(Frames(b"d"))
    assert len(shell.pauses) == 1


def test_the_pause_is_bounded(shell: Shell) -> None:
    session, _ = shell.session()

    def very_slow(data: bytes) -> None:
        shell.clock += 1.0

    on_write(session, very_slow)
    session.push(Frames(b"a"))
    shell.tick()
    session.push(Frames(b"b"))
    assert shell.pauses == [pytest.approx(0.025)]


def test_a_packet_for_a_large_room_waits_two_milliseconds_for_the_next_packet(shell: Shell) -> None:
    members = [shell.session() for _ in range(150)]
    shell.flusher.push_many([session for session, _ in members], Frames(b"a"))
    shell.flusher.push_many([session for session, _ in members], Frames(b"b"))
    assert shell.pauses == [pytest.approx(0.002)]
    while shell.tick():
        pass
    assert all(written == [b"\x81\x024a\x81\x024b"] for _, written in members)
