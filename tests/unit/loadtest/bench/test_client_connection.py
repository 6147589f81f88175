"""A connection of the load client handles the packets of a server: deliveries, pings, acks and refusals."""

from __future__ import annotations

import asyncio
import time
from typing import cast

import pytest

from loadtest.bench import frames, stamps
from loadtest.bench.client_connection import Link, Meter
from loadtest.bench.dialects import dialect
from loadtest.bench.workloads import Member

WHO = Member(7, 3, 1)


class FakeTransport:
    """A transport that records the writes of the client."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)


def opened(name: str, meter: Meter) -> tuple[Link, FakeTransport]:
    """Return a link of this dialect behind a finished WebSocket handshake."""
    link, transport = Link(WHO, dialect(name, "secret" * 8), meter, "host"), FakeTransport()
    link.connection_made(cast("asyncio.Transport", transport))
    link.data_received(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
    transport.written.clear()
    return link, transport


def frame(text: bytes) -> bytes:
    head = bytes((frames.TEXT, len(text))) if len(text) < 126 else bytes((frames.TEXT, 126, *divmod(len(text), 256)))
    return head + text


async def test_several_texts_in_one_frame_of_centrifugo_are_handled() -> None:
    meter = Meter(active=True, counting=True)
    link, transport = opened("centrifugo", meter)
    link.data_received(frame(b'{"id":1,"connect":{"client":"c"}}'))
    link.data_received(frame(b'{"id":2,"subscribe":{"recoverable":true}}'))
    assert link.joined.done()
    transport.written.clear()
    text = stamps.stamp(time.monotonic_ns() // 1000, stamps.PACED_SLOT)
    delivery = b'{"push":{"pub":{"data":{"text":"%b"}}}}' % text.encode()
    link.data_received(frame(b"\n".join((delivery, b"{}", delivery, b'{"id":3,"error":{"code":103}}'))))
    assert len(meter.latencies_us) == 2
    assert transport.written == [frames.client_frame(b"{}")]
    assert meter.refused == 1


async def test_a_centrifugo_subscription_without_recovery_fails_the_join() -> None:
    link, _ = opened("centrifugo", Meter())
    link.data_received(frame(b'{"id":1,"connect":{"client":"c"}}'))
    link.data_received(frame(b'{"id":2,"subscribe":{}}'))
    with pytest.raises(ConnectionError):
        await link.joined


async def test_a_ping_of_engine_io_is_answered_with_a_pong() -> None:
    meter = Meter(active=True, counting=True)
    link, transport = opened("socketio", meter)
    link.data_received(frame(b"0{}") + frame(b"40{}"))
    transport.written.clear()
    link.data_received(frame(b"2"))
    assert link.joined.done()
    assert transport.written == [frames.client_frame(b"3")]
