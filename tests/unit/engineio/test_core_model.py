"""The session core under arbitrary events of a client and its transports, compared with a model."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from roomcast.engineio.core import Phase, SessionCore
from roomcast.engineio.core_commands import AnswerPoll, Command, Deliver, Ended, RejectRequest, Switch
from roomcast.engineio.frames import PING, SEPARATOR, Frames
from roomcast.engineio.rules import Reason, Rules

LIMIT = 400


class Session(RuleBasedStateMachine):
    """A model of client, transports and clock. It predicts which packets must arrive."""

    core: SessionCore

    @initialize(phase=st.sampled_from([Phase.POLLING, Phase.WEBSOCKET]))
    def open(self, phase: Phase) -> None:
        self.core = SessionCore("g1.x", "", Rules(max_buffer=LIMIT), phase, now=0.0)
        self.now = 0.0
        self.count = 0
        self.expected: list[bytes] = []
        self.arrived: list[bytes] = []
        self.waits = False
        self.ended: list[str] = []

    def carry_out(self, commands: list[Command]) -> None:
        for command in commands:
            assert not self.ended or isinstance(command, RejectRequest), commands
            if isinstance(command, AnswerPoll):
                assert self.waits
                self.waits = False
                self.read_payload(self.core.take_payload(command.answer))
            elif isinstance(command, Ended):
                self.ended.append(command.reason)
            elif isinstance(command, Switch):
                self.arrived += [frames.polling[1:] for frames in command.queue if frames is not PING]
            elif isinstance(command, Deliver):
                assert isinstance(command.data, (str, bytes))

    def read_payload(self, payload: bytes) -> None:
        self.arrived += [packet[1:] for packet in payload.split(SEPARATOR) if packet[:1] == b"4"]

    @rule(size=st.integers(0, 60))
    def push(self, size: int) -> None:
        self.count += 1
        text = str(self.count).encode().ljust(size, b".")
        if self.core.phase is Phase.WEBSOCKET:
            self.arrived.append(text)  # on a WebSocket the caller of the core writes the packet
        else:
            self.carry_out(self.core.enqueue(Frames(text)))
        if not self.ended:
            self.expected.append(text)

    @rule()
    def flush(self) -> None:
        self.carry_out(self.core.poll_ready())

    @rule()
    def get(self) -> None:
        had_poll = self.core.has_poll
        commands = self.core.poll_opened()
        self.waits = self.waits or RejectRequest() not in commands
        self.carry_out(commands)
        assert not (had_poll and not self.ended)

    @rule()
    def post(self) -> None:
        commands = self.core.post_opened()
        self.carry_out(commands)
        if RejectRequest() not in commands:
            self.core.post_ended()

    @precondition(lambda self: self.waits)
    @rule()
    def lose_get(self) -> None:
        self.waits = False
        self.carry_out(self.core.poll_lost())

    @rule(text=st.one_of(st.text(max_size=8), st.binary(max_size=4), st.sampled_from(["3", "4x", "6"])))
    def receive(self, text: str | bytes) -> None:
        self.carry_out(self.core.receive(text, self.now))

    @rule()
    def attach_probe(self) -> None:
        was = self.core.phase
        assert self.core.probe_attached(self.now) == (was is Phase.POLLING)

    @rule(text=st.sampled_from(["2probe", "5", "4x"]))
    def probe(self, text: str) -> None:
        self.carry_out(self.core.probe_received(text))

    @rule()
    def lose_probe(self) -> None:
        self.carry_out(self.core.probe_lost())

    @rule(seconds=st.floats(0, 60))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.carry_out(self.core.tick(self.now))

    @rule()
    def connect(self) -> None:
        self.core.fulfil()

    @rule(reason=st.sampled_from([Reason.SERVER_DISCONNECT, Reason.RECONNECT, Reason.PARSE_ERROR]))
    def close(self, reason: str) -> None:
        self.carry_out(self.core.close(reason))

    @rule()
    def lose_link(self) -> None:
        if self.core.phase is Phase.WEBSOCKET:
            self.carry_out(self.core.connection_lost())

    @invariant()
    def arrives_in_order_and_once(self) -> None:
        if hasattr(self, "core"):
            assert self.arrived == self.expected[: len(self.arrived)]

    @invariant()
    def ends_once(self) -> None:
        if hasattr(self, "core"):
            assert len(self.ended) <= 1
            assert bool(self.ended) == self.core.is_closed
            assert not (self.ended and self.waits), "a GET still waits after the end"

    @invariant()
    def is_bounded(self) -> None:
        if not hasattr(self, "core") or self.core.is_closed:
            return
        sizes = [len(frames.polling) for frames in self.core.queue]
        assert self.core.queued_bytes == sum(sizes)
        assert sum(sizes) <= LIMIT or len(sizes) == 1
        assert not (sizes and self.core.phase is Phase.WEBSOCKET)


TestSession = Session.TestCase
TestSession.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
