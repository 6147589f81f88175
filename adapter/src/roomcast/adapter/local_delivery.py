"""Send finished packets to local sessions: through `roomcast.engineio`, or through a stock python-engineio server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from engineio import packet as eio_packet

from roomcast.adapter.local_members import Client
from roomcast.engineio.write_buffer import FlushQueue
from roomcast.wire.tasks import TaskSet


class Delivery(Protocol):
    """Delivers in the order of the calls, and never blocks."""

    def target(self, eio_sid: str) -> Any:
        """Return the value that `Client.target` gets for this Engine.IO session."""
        ...

    def send(self, clients: Iterable[Client], packet: bytes, attachments: Sequence[bytes]) -> None:
        """Send a packet to clients."""
        ...

    @property
    def outgoing(self) -> FlushQueue | None:
        """The queue to which the fast path pushes packets for `Client.target`. None if only `send` can deliver."""
        ...

    async def close(self) -> None:
        """Stop sending."""
        ...


class DirectDelivery:
    """Delivery over `roomcast.engineio`: one frame for all clients, written by the engine."""

    def __init__(self, eio: Any) -> None:
        from roomcast.engineio import Frames

        self._frames = Frames
        self._eio = eio
        self.outgoing: FlushQueue | None = eio.flusher
        self._push_many = eio.flusher.push_many

    def target(self, eio_sid: str) -> Any:
        """Return the value that `Client.target` gets for this Engine.IO session."""
        return self._eio.session(eio_sid)

    def send(self, clients: Iterable[Client], packet: bytes, attachments: Sequence[bytes]) -> None:
        """Send a packet to clients, framed once."""
        self._push_many([client.target for client in clients], self._frames(packet, attachments))

    async def close(self) -> None:
        """Do nothing: the engine has the queues."""
        pass


class QueuedDelivery:
    """Delivery over a stock python-engineio server (ASGI and others): one task sends everything, in order."""

    outgoing = None

    def __init__(self, server: Any) -> None:
        self._server = server
        self._queue: asyncio.Queue[tuple[list[str], list[Any]]] = asyncio.Queue()
        self._tasks = TaskSet()

    def target(self, eio_sid: str) -> Any:
        """Return the value that `Client.target` gets for this Engine.IO session."""
        return eio_sid

    def send(self, clients: Iterable[Client], packet: bytes, attachments: Sequence[bytes]) -> None:
        """Send a packet to clients, framed once."""
        self._put([client.eio_sid for client in clients], packet, attachments)

    def _put(self, eio_sids: list[str], packet: bytes, attachments: Sequence[bytes]) -> None:
        if not len(self._tasks):
            self._tasks.supervise(self._run, "adapter delivery")
        packets: list[Any] = [eio_packet.Packet(eio_packet.MESSAGE, packet.decode())]
        packets += [eio_packet.Packet(eio_packet.MESSAGE, part) for part in attachments]
        self._queue.put_nowait((eio_sids, packets))

    async def close(self) -> None:
        """Stop sending."""
        await self._tasks.cancel()

    async def _run(self) -> None:
        while True:
            eio_sids, packets = await self._queue.get()
            for eio_sid in eio_sids:
                for packet in packets:
                    await self._server._send_eio_packet(eio_sid, packet)


def make_delivery(server: Any) -> Delivery:
    """Return a DirectDelivery for a server of `roomcast.engineio`, else a QueuedDelivery."""
    return DirectDelivery(server.eio) if hasattr(server.eio, "flusher") else QueuedDelivery(server)
