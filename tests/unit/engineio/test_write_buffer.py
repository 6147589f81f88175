"""Write buffers: frames are queued for many clients and then written to their sockets.

The credit of a buffer is the number of bytes that may still be queued. A negative credit blocks the buffer.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from roomcast.engineio.frames import Frames
from roomcast.engineio.write_buffer import Traffic, write_now, write_out
from tests.unit.hotpath.fakes import Transport, flush_queue, write_buffer


@pytest.fixture
def wire() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Yield both ends of one connection; the first end does not block."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def test_queued_frames_are_written_together_and_the_write_restores_the_credit() -> None:
    out, traffic = flush_queue(), Traffic()
    transport = Transport()
    one = write_buffer(transport=transport)
    assert out.queue([one], b"abc") is None
    assert out.queue([one], b"de") is None
    assert (one.credit, out.dirty, out.armed) == (995, [one], 1)
    assert write_out([one], traffic) is None
    assert transport.written == [b"abcde"]
    assert (one.credit, one.outbox) == (1_000, [])
    assert (traffic.writes, traffic.packets, traffic.sent) == (1, 2, 5)


def test_queue_and_write_out_return_the_buffers_that_they_skip_for_lack_of_credit() -> None:
    out = flush_queue()
    full, short, blocked = write_buffer(), write_buffer(credit=2), write_buffer(credit=-1)
    assert out.queue([short, full, blocked], b"abc") == [short, blocked]
    assert ([one.outbox for one in (full, short, blocked)], short.credit) == ([[b"abc"], [], []], 2)
    assert write_out([blocked, full], Traffic()) == [blocked]
    assert write_out([], Traffic()) is None


def test_send_queues_the_same_frame_as_the_encoder_of_frames() -> None:
    for size in (0, 1, 124, 125, 126, 65_533, 65_534, 65_535, 70_000):
        out, transport = flush_queue(), Transport()
        one = write_buffer(credit=100_000, transport=transport)
        packet = b"x" * size
        out.send([one], packet)
        assert one.outbox == [Frames(packet).websocket]


def test_a_packet_larger_than_the_credit_of_a_buffer_goes_to_send_slowly() -> None:
    out, full, short = flush_queue(), write_buffer(), write_buffer(credit=1)
    out.send([full, short], b'2["m"]')
    assert out.slowly == [([short], b'2["m"]')]
    assert full.outbox == [b"\x81\x074" + b'2["m"]']


def test_each_buffer_writes_its_own_frames() -> None:
    out = flush_queue()
    transports = [Transport() for _ in range(4)]
    buffers = [write_buffer(transport=transport) for transport in transports]
    out.queue(buffers, b"all,")
    out.queue(buffers[1:2], b"second,")
    out.queue(buffers[:3], b"three,")
    write_out(buffers, Traffic())
    assert [transport.written for transport in transports] == [
        [b"all,three,"],
        [b"all,second,three,"],
        [b"all,three,"],
        [b"all,"],
    ]


def test_without_a_transport_frames_are_dropped() -> None:
    one = write_buffer()
    one.outbox.append(b"abc")
    write_out([one], Traffic())
    assert one.outbox == []
    write_now(one, b"nowhere")


def test_queued_frames_reach_the_socket(wire: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = wire
    transport = Transport(ours)
    transport.on_write = lambda data: ours.sendall(data)
    one = write_buffer(transport=transport)
    one.outbox += [b"abc", b"def"]
    write_out([one], Traffic())
    assert theirs.recv(100) == b"abcdef"


def test_bytes_that_the_kernel_refuses_go_to_the_transport_in_order(wire: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = wire
    transport = Transport(ours)
    one = write_buffer(transport=transport)
    whole = bytes(range(256)) * 10_000
    one.outbox.append(whole)
    write_out([one], Traffic())
    left = b"".join(transport.written)
    theirs.setblocking(False)
    arrived = bytearray()
    while len(arrived) < len(whole) - len(left):
        arrived += theirs.recv(1_000_000)
    assert left
    assert bytes(arrived) + left == whole


@pytest.mark.parametrize("how", ["closing", "tls"])
def test_a_closing_or_tls_socket_is_not_written_to_directly(
    wire: tuple[socket.socket, socket.socket], how: str
) -> None:
    """A closed socket's descriptor may already belong to another client. TLS must encrypt bytes before the write."""
    ours, theirs = wire
    transport = Transport(ours, tls=how == "tls")
    one = write_buffer(transport=transport)
    one.outbox.append(b"first")
    if how == "closing":
        transport.on_write = lambda data: ours.sendall(data) if not transport.closing else None
        write_out([one], Traffic())  # the write buffer has now cached the socket's descriptor
        assert theirs.recv(100) == b"first"
        transport.closing = True
        one.outbox.append(b"second")
    write_out([one], Traffic())
    theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        theirs.recv(100)
    assert transport.written[-1] == (b"second" if how == "closing" else b"first")


def test_frames_queued_for_a_new_transport_go_to_that_transport(
    wire: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = wire
    transport = Transport(ours)
    transport.on_write = lambda data: ours.sendall(data)
    one = write_buffer(transport=transport)
    one.outbox.append(b"old")
    write_out([one], Traffic())
    one.transport = new = Transport()
    one.outbox.append(b"new")
    write_out([one], Traffic())
    assert (theirs.recv(100), new.written) == (b"old", [b"new"])


def test_after_a_socket_error_the_bytes_go_to_the_transport(wire: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = wire
    theirs.close()
    transport = Transport(ours)
    one = write_buffer(transport=transport)
    one.outbox.append(b"lost")
    write_out([one], Traffic())
    assert transport.written == [b"lost"]
