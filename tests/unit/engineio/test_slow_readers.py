"""The server aborts a connection that stalls too long. Above a bound in unsent bytes it aborts the longest stalled."""

from __future__ import annotations

import asyncio

from roomcast.engineio.http.slow_readers import MAX_STALLED_BYTES, STALLED_SECONDS, StalledConnections

HALF = MAX_STALLED_BYTES // 2


class FakeTransport(asyncio.Transport):
    """A transport with `unsent` bytes in its write buffer."""

    def __init__(self, unsent: int = 0) -> None:
        super().__init__()
        self.protocol: asyncio.BaseProtocol = asyncio.Protocol()
        self.unsent = unsent
        self.is_aborted = False
        self.is_ending = False

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol

    def is_closing(self) -> bool:
        return self.is_ending

    def abort(self) -> None:
        self.is_aborted = True


def watch(*transports: FakeTransport) -> StalledConnections:
    connections = StalledConnections()
    for transport in transports:
        connections.add(transport, transport.protocol)
    return connections


def test_a_connection_with_unsent_bytes_for_too_long_is_aborted() -> None:
    stuck, slow = FakeTransport(1), FakeTransport(1)
    connections = watch(stuck, slow)
    connections.look(1.0)
    slow.unsent = 0
    connections.look(2.0)
    slow.unsent = 1
    connections.look(3.0)
    connections.look(STALLED_SECONDS + 1.5)
    assert (stuck.is_aborted, slow.is_aborted) == (True, False)


def test_the_longest_stalled_connection_is_aborted_above_the_bound_in_bytes() -> None:
    first, second, third = FakeTransport(HALF), FakeTransport(HALF), FakeTransport(HALF)
    connections = watch(first)
    connections.look(1.0)
    connections.add(second, second.protocol)
    connections.look(2.0)
    connections.add(third, third.protocol)
    connections.look(3.0)
    connections.look(4.0)
    assert [each.is_aborted for each in (first, second, third)] == [True, False, False]


def test_ended_connections_and_websockets_are_no_longer_watched() -> None:
    ended, upgraded, ending = FakeTransport(), FakeTransport(1), FakeTransport(1)
    connections = watch(ended, upgraded, ending)
    ended.is_ending = ending.is_ending = True
    upgraded.protocol = asyncio.Protocol()
    connections.look(1.0)
    connections.look(STALLED_SECONDS + 2.0)
    assert (upgraded.is_aborted, ending.is_aborted, bool(connections)) == (False, True, False)
