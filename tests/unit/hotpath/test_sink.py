"""Queues of frames, and how they get into sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from roomcast.engineio.frames import Frames
from tests.unit.hotpath.parts import Transport, outgoing, sink


@pytest.fixture
def wire() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of one connection; the first does not block."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def test_what_is_queued_is_written_once_and_gives_the_credit_back(hot: Any) -> None:
    out, traffic = outgoing(hot), hot.Traffic()
    transport = Transport()
    one = sink(hot, transport=transport)
    assert out.queue([one], b"abc") is None
    assert out.queue((one,), b"de") is None
    assert (one.credit, out.dirty, out.armed) == (995, [one], 1)
    assert hot.write_out([one], traffic) is None
    assert transport.written == [b"abcde"]
    assert (one.credit, one.outbox) == (1_000, [])
    assert (traffic.writes, traffic.packets, traffic.sent) == (1, 2, 5)


def test_who_has_no_credit_gets_nothing_and_is_named(hot: Any) -> None:
    out = outgoing(hot)
    rich, poor, broke = sink(hot), sink(hot, credit=2), sink(hot, credit=-1)
    assert out.queue([poor, rich, broke], b"abc") == [poor, broke]
    assert ([one.outbox for one in (rich, poor, broke)], poor.credit) == ([[b"abc"], [], []], 2)
    assert hot.write_out([broke, rich], hot.Traffic()) == [broke]
    assert hot.write_out([], hot.Traffic()) is None


def test_a_packet_is_framed_as_the_engine_frames_it(hot: Any) -> None:
    for size in (0, 1, 124, 125, 126, 65_533, 65_534, 65_535, 70_000):
        out, transport = outgoing(hot), Transport()
        one = sink(hot, credit=100_000, transport=transport)
        packet = b"x" * size
        out.send([one], packet)
        assert one.outbox == [Frames(packet).websocket]


def test_a_packet_for_the_poor_goes_the_slow_way(hot: Any) -> None:
    out, rich, poor = outgoing(hot), sink(hot), sink(hot, credit=1)
    out.send([rich, poor], b'2["m"]')
    assert out.slowly == [([poor], b'2["m"]')]
    assert rich.outbox == [b"\x81\x074" + b'2["m"]']


def test_neighbours_with_other_frames_get_their_own(hot: Any) -> None:
    out = outgoing(hot)
    transports = [Transport() for _ in range(4)]
    sinks = [sink(hot, transport=transport) for transport in transports]
    out.queue(sinks, b"all,")
    out.queue(sinks[1:2], b"second,")
    out.queue(sinks[:3], b"three,")
    hot.write_out(sinks, hot.Traffic())
    assert [transport.written for transport in transports] == [
        [b"all,three,"],
        [b"all,second,three,"],
        [b"all,three,"],
        [b"all,"],
    ]


def test_nothing_is_written_without_a_transport(hot: Any) -> None:
    one = sink(hot)
    one.outbox.append(b"abc")
    hot.write_out([one], hot.Traffic())
    assert one.outbox == []
    one.write(b"nowhere")


def test_a_socket_gets_its_bytes(hot: Any, wire: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = wire
    transport = Transport(ours)
    transport.on_write = lambda data: ours.sendall(data)
    one = sink(hot, transport=transport)
    one.outbox += [b"abc", b"def"]
    hot.write_out([one], hot.Traffic())
    assert theirs.recv(100) == b"abcdef"


def test_what_the_kernel_refuses_the_transport_gets_in_order(
    hot: Any, wire: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = wire
    transport = Transport(ours)
    one = sink(hot, transport=transport)
    whole = bytes(range(256)) * 10_000
    one.outbox.append(whole)
    hot.write_out([one], hot.Traffic())
    left = b"".join(transport.written)
    theirs.setblocking(False)
    arrived = bytearray()
    while len(arrived) < len(whole) - len(left):
        arrived += theirs.recv(1_000_000)
    assert left
    assert bytes(arrived) + left == whole


@pytest.mark.parametrize("how", ["closing", "tls"])
def test_a_socket_that_may_not_be_written_to_is_left_alone(
    hot: Any, wire: tuple[socket.socket, socket.socket], how: str
) -> None:
    """Its number may be another client's once the transport closes; and TLS wants to see the bytes first."""
    ours, theirs = wire
    transport = Transport(ours, tls=how == "tls")
    one = sink(hot, transport=transport)
    one.outbox.append(b"first")
    if how == "closing":
        transport.on_write = lambda data: ours.sendall(data) if not transport.closing else None
        hot.write_out([one], hot.Traffic())  # the socket is known now
        assert theirs.recv(100) == b"first"
        transport.closing = True
        one.outbox.append(b"second")
    hot.write_out([one], hot.Traffic())
    theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        theirs.recv(100)
    assert transport.written[-1] == (b"second" if how == "closing" else b"first")


def test_another_transport_is_another_socket(hot: Any, wire: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = wire
    transport = Transport(ours)
    transport.on_write = lambda data: ours.sendall(data)
    one = sink(hot, transport=transport)
    one.outbox.append(b"old")
    hot.write_out([one], hot.Traffic())
    one.transport = new = Transport()
    one.outbox.append(b"new")
    hot.write_out([one], hot.Traffic())
    assert (theirs.recv(100), new.written) == (b"old", [b"new"])


def test_a_dead_socket_is_the_transports_to_notice(hot: Any, wire: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = wire
    theirs.close()
    transport = Transport(ours)
    one = sink(hot, transport=transport)
    one.outbox.append(b"lost")
    hot.write_out([one], hot.Traffic())
    assert transport.written == [b"lost"]
