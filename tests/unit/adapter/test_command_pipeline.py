"""The pipeline sends commands in order. It handles replies and pushed messages in slices."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from roomcast.adapter.redis import command_pipeline
from tests.unit.adapter.test_plain_deliveries import Room, envelope
from tests.unit.hotpath.fakes import pipeline


@pytest.fixture(autouse=True)
def _stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock, so that slices end only by their number of replies, also on a slow machine."""
    monkeypatch.setattr(command_pipeline, "monotonic", lambda: 1.0)


def push(channel: bytes, data: bytes, kind: bytes = b"smessage") -> bytes:
    parts = (kind, channel, data)
    return b"*3\r\n" + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


def test_commands_of_one_tick_are_written_at_once_and_in_order() -> None:
    link = pipeline()
    link.send(b"A", print)
    link.send(b"B", len, "note")
    assert (link.out, link.calls) == ([b"A", b"B"], ["schedule_flush"])
    assert [(reply_target, note) for reply_target, _, note in link.pending] == [(print, ""), (len, "note")]
    assert [sent_at for _, sent_at, _ in link.pending] == [1.0, 1.0]


def test_a_closed_pipeline_refuses_commands() -> None:
    link = pipeline()
    link.is_open = False
    with pytest.raises(ConnectionError):
        link.send(b"A", print)
    assert (link.out, len(link.pending)) == ([], 0)


def test_each_reply_reaches_its_command_however_the_bytes_are_split() -> None:
    link = pipeline()
    came: list[Any] = []
    for name in "abc":
        link.send(b"x", lambda reply, name=name: came.append((name, reply)))
    for byte in b"+OK\r\n:5\r\n*2\r\n$1\r\nx\r\n:0\r\n":
        link.data_received(bytes((byte,)))
    assert came == [("a", b"OK"), ("b", 5), ("c", [b"x", 0])]


async def test_a_future_gets_its_reply_unless_it_was_cancelled() -> None:
    link, loop = pipeline(), asyncio.get_running_loop()
    waiting, gone = loop.create_future(), loop.create_future()
    link.send(b"x", gone)
    link.send(b"x", waiting)
    gone.cancel()
    link.data_received(b":1\r\n:2\r\n")
    assert (gone.cancelled(), await waiting) == (True, 2)
    assert link.calls == ["schedule_flush"]


def test_an_error_in_a_callback_does_not_stop_the_next_reply() -> None:
    link = pipeline()
    came: list[Any] = []

    def raises(reply: Any) -> None:
        raise RuntimeError("a bug")

    link.send(b"x", raises)
    link.send(b"x", came.append)
    link.data_received(b":1\r\n:2\r\n")
    assert came == [2]
    assert ("report_error", "a bug") in link.calls


def test_errors_and_unexpected_replies_are_passed_to_the_subclass() -> None:
    link = pipeline()
    link.send(b"x", print)
    link.data_received(b"-ERR no\r\n:1\r\n")
    assert link.calls == ["schedule_flush", ("odd", "ERR no"), ("odd", 1)]


def test_bytes_that_are_not_redis_protocol_are_reported() -> None:
    link = pipeline()
    link.data_received(b"HTTP/1.1 400\r\n")
    assert link.calls == [("failed", "ProtocolError")]


@pytest.mark.parametrize("kind", [b"smessage", b"message"])
def test_messages_go_to_the_handler_and_other_pushes_are_reported(kind: bytes) -> None:
    received: list[Any] = []
    link = pipeline(lambda channel, data: received.append((channel, data)))
    link.data_received(push(b"c", b"data", kind) + push(b"c", b"1", b"ssubscribe"))
    assert received == [(b"c", b"data")]
    assert link.calls == [("odd", [b"ssubscribe", b"c", b"1"])]


def test_the_messages_of_a_room_go_directly_to_its_subscription() -> None:
    room = Room()
    link = pipeline(room.subscriber)
    link.data_received(push(b"room:{r}", envelope(8)) + push(b"else", b"?") + push(b"room:{r}", envelope(9)))
    assert room.subscription.watch.seq == 9
    assert room.passed_on == [(b"else", b"?")]
    assert link.calls == []


def test_many_replies_are_handled_in_slices() -> None:
    link = pipeline()
    came: list[Any] = []
    for _ in range(300):
        link.send(b"x", came.append)
    link.data_received(b"".join(b":%d\r\n" % number for number in range(300)))
    assert (len(came), link.has_unread, link.calls) == (128, True, ["schedule_flush", "later"])
    link.data_received(b"")  # new data does not overtake the replies that wait
    assert len(came) == 128
    link.read_some()
    link.read_some()
    assert (came, link.has_unread) == (list(range(300)), False)


def test_a_slice_ends_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(1.0, 0.003)  # 0.003 s per reply; a slice ends after 0.004 s
    monkeypatch.setattr(command_pipeline, "monotonic", clock.__next__)
    link = pipeline()
    came: list[Any] = []
    for _ in range(9):
        link.send(b"x", came.append)
    link.data_received(b":1\r\n" * 9)
    assert (len(came), link.has_unread) == (2, True)


def test_a_callback_may_clear_the_pending_commands() -> None:
    """When a connection ends between two replies, its callback fails the waiting commands and clears their queue."""
    link = pipeline()
    came: list[Any] = []

    def ends(reply: Any) -> None:
        left, link.pending = link.pending, type(link.pending)()
        came.extend(["lost"] * len(left))

    link.send(b"x", ends)
    link.send(b"x", came.append)
    link.data_received(b":1\r\n:2\r\n")
    assert came == ["lost"]
    assert link.calls == ["schedule_flush", ("odd", 2)]
