"""Fakes at the ports of the fan-out: a backplane, a log in memory, and a delivery that records packets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from roomcast.adapter.local_members import Client
from roomcast.adapter.observer import AdapterObserver
from roomcast.adapter.redis.connection import NotConnected
from roomcast.adapter.room_log import Page
from roomcast.wire import channels
from roomcast.wire.envelope import KIND_MESSAGE, pack_routing

EPOCH = b"e" * 16


class FakeBackplane:
    """A backplane that records subscriptions and confirms each at once."""

    def __init__(self) -> None:
        self.subscribed: list[str] = []
        self.unsubscribed: list[str] = []

    def subscribe(self, channel: str) -> asyncio.Future[None]:
        self.subscribed.append(channel)
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        confirmed.set_result(None)
        return confirmed

    def received_as(self, channel: str) -> bytes:
        return channel.encode()

    def unsubscribe(self, channel: str) -> None:
        self.unsubscribed.append(channel)


class FakeLog:
    """The room logs in memory, in one epoch and from seq 1 on. If `error` is set, each read raises it."""

    namespace = "/"

    def __init__(self, page_size: int = 500) -> None:
        self.rooms: dict[str, list[bytes]] = {}
        self.epoch = EPOCH
        self.first = 1
        self.reads = 0
        self.error: Exception | None = None
        self._page_size = page_size

    def append(self, room: str, count: int = 1) -> int:
        """Write `count` messages; return the last seq."""
        log = self.rooms.setdefault(room, [])
        for _ in range(count):
            log.append(b'2["message",%d]' % (len(log) + 1))
        return len(log)

    async def page(self, room: str, after: int) -> Page:
        self._count_read()
        log = self.rooms.get(room, [])
        start = max(after, self.first - 1)
        return Page(self.epoch, len(log), self.first, log[start : start + self._page_size])

    async def positions(self, rooms: list[str]) -> dict[str, tuple[bytes, int]]:
        self._count_read()
        return {room: (self.epoch, len(self.rooms[room])) for room in rooms if room in self.rooms}

    def resync_packet(self, room: str) -> bytes:
        return b'2["resync"]'

    def _count_read(self) -> None:
        self.reads += 1
        if self.error is not None:
            raise self.error


class FakeDelivery:
    """A delivery that records the session ids, the packet and the attachments of each send."""

    outgoing = None

    def __init__(self) -> None:
        self.sent: list[tuple[list[str], bytes]] = []
        self.attachments: list[list[bytes]] = []

    def target(self, eio_sid: str) -> Any:
        return eio_sid

    def send(self, clients: Iterable[Client], packet: bytes, attachments: Sequence[bytes]) -> None:
        self.sent.append(([client.sid for client in clients], packet))
        self.attachments.append(list(attachments))

    async def close(self) -> None:
        pass

    @property
    def packets(self) -> list[bytes]:
        return [packet for _, packet in self.sent]


class Count(AdapterObserver):
    """An observer that counts the events of the adapter."""

    def __init__(self) -> None:
        self.gaps: list[int] = []
        self.resyncs = 0
        self.forgeries = 0

    def gap(self, room: str, missing: int) -> None:
        self.gaps.append(missing)

    def resync(self, room: str) -> None:
        self.resyncs += 1

    def forged(self) -> None:
        self.forgeries += 1


AWAY = NotConnected("Redis is away")


def logged(seq: int, epoch: bytes = EPOCH, token: tuple[str, ...] = ()) -> bytes:
    """Return the room packet of a logged message. `token` is its publisher token."""
    head = bytes((1, KIND_MESSAGE)) + epoch + seq.to_bytes(8, "big") + pack_routing("/", token)
    return head + b'2["message",%d]' % seq


def channel(room: str) -> bytes:
    return channels.room_channel(room).encode()
