"""From a room's channel to its local members: in order, whole, and without parsing JSON.

`Fanout` keeps one `RoomSubscription` per room with a local member (or a pin): the first subscribes, the last one
leaving
unsubscribes after a delay and a second look. Logged packets pass the room's `OrderTracker`; a hole is filled from
the log before anything later is delivered, and what cannot be made whole is declared (`resync`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import quote, unquote

from roomcast.adapter.backplane import Backplane
from roomcast.adapter.delivery import Delivery
from roomcast.adapter.local_members import Client, LocalMembers
from roomcast.adapter.observer import AdapterObserver
from roomcast.adapter.order import OrderTracker, Verdict
from roomcast.adapter.redis_connection import RedisConnectionError
from roomcast.adapter.room_log import RoomLog
from roomcast.hotpath import Subscriber, Subscription
from roomcast.wire import channels
from roomcast.wire.envelope import (
    KIND_BINARY,
    KIND_CLOSE,
    KIND_MESSAGE,
    KIND_NOTE,
    EnvelopeError,
    RoomPacket,
    pack_routing,
    split_attachments,
    unpack_room,
)
from roomcast.wire.tasks import TaskSet

LINGER_SECONDS: Final = 5.0
MAX_BACKLOG: Final = 5_000
_FILL_RETRY_SECONDS: Final = 0.2
_log = logging.getLogger(__name__)


class RoomSubscription(Subscription):
    """One subscribed room on this gateway."""

    __slots__ = ("channel", "linger", "name", "pins", "room", "subscribed")

    watch: OrderTracker

    def __init__(self, room: str, subscribed: asyncio.Future[None]) -> None:
        super().__init__(OrderTracker())
        self.room = room
        self.name = channels.room_channel(room)
        self.channel = self.name.encode()
        self.subscribed = subscribed
        self.pins = 0
        self.linger: asyncio.TimerHandle | None = None


class Fanout:
    """Room channels of one gateway."""

    def __init__(
        self,
        backplane: Backplane,
        members: LocalMembers,
        observer: AdapterObserver,
        *,
        linger_seconds: float = LINGER_SECONDS,
        close_room: Callable[[str, str], None],
    ) -> None:
        self.log: RoomLog | None = None
        self._delivery: Delivery | None = None
        self.on_note: Callable[[str, bytes], None] = _ignore
        """Gets the notes for gateways: room and the packed note."""
        self._backplane = backplane
        self._members = members
        self._observer = observer
        self._linger = linger_seconds
        self._close_room = close_room
        self.ear = Subscriber(self.hear)
        """Hears everything; what it does not deliver itself comes to `hear`."""
        self.on_other: Callable[[bytes, bytes], None] = _ignore_other
        """Gets what is heard on channels that are no room's."""
        self._channels: dict[bytes, RoomSubscription] = self.ear.rooms
        self._rooms: dict[str, RoomSubscription] = {}
        self._tasks = TaskSet()
        members.on_change = self._members_changed

    def use_log(self, log: RoomLog) -> None:
        """Make rooms whole from this log."""
        self.log = log
        self.ear.routing = pack_routing(log.namespace)

    def use_delivery(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self.ear.outgoing = delivery.outgoing

    async def close(self) -> None:
        for channel in self._channels.values():
            if channel.linger is not None:
                channel.linger.cancel()
        await self._tasks.cancel()

    @property
    def rooms(self) -> int:
        return len(self._rooms)

    # --- which rooms are heard ---

    def pin(self, room: str) -> RoomSubscription:
        """Hear the room at least until `unpin`; its `subscribed` future tells when."""
        channel = self._rooms.get(room)
        if channel is None:
            subscribed = self._backplane.subscribe(channels.room_channel(room))
            channel = self._rooms[room] = RoomSubscription(room, subscribed)
            self._channels[channel.channel] = channel
        elif channel.subscribed.done():
            channel.subscribed = self._backplane.subscribe(channel.name)
        channel.pins += 1
        if channel.linger is not None:
            channel.linger.cancel()
            channel.linger = None
        return channel

    def unpin(self, room: str) -> None:
        channel = self._rooms.get(room)
        if channel is not None:
            channel.pins -= 1
            self.vacated(room)

    def vacated(self, room: str) -> None:
        """A member left: if nobody is left, look again after a while and then unsubscribe."""
        channel = self._rooms.get(room)
        if channel is None or channel.linger is not None or not self._is_vacant(channel):
            return
        loop = asyncio.get_running_loop()
        channel.linger = loop.call_later(self._linger, self._drop_if_vacant, channel)

    def _is_vacant(self, channel: RoomSubscription) -> bool:
        return channel.pins <= 0 and not self._members.has_room(channel.room)

    def _drop_if_vacant(self, channel: RoomSubscription) -> None:
        channel.linger = None
        if self._is_vacant(channel):
            del self._rooms[channel.room]
            del self._channels[channel.channel]
            self._backplane.unsubscribe(channel.name)

    # --- joining with history ---

    def admit(self, namespace: str, sid: str, room: str, epoch: bytes, seq: int) -> bool:
        """Make `sid` a member that already holds the log up to `seq`; the room must be pinned.

        False when live packets are ahead of that position: read the log again. Between the log read and the first live
        packet nothing can fall, because the channel was subscribed before the read.
        """
        channel = self._rooms[room]
        watch = channel.watch
        if watch.epoch == epoch and watch.seq > seq:
            return False
        watch.start(epoch, seq)
        self._members.enter(namespace, sid, room)
        if watch.epoch != epoch or watch.seq < seq:
            channel.floors[sid] = (epoch, seq)
        return True

    # --- what is heard ---

    def hear(self, name: bytes, data: bytes) -> None:
        """Deliver a packet, whatever it is."""
        channel = self._channels.get(name)
        if channel is None:
            self.on_other(name, data)
            return
        try:
            packet = unpack_room(data)
            if packet.kind == KIND_MESSAGE:
                self._hear_logged(channel, packet)
                self._name_targets(channel)
            elif packet.kind == KIND_CLOSE:
                self._close_room(packet.namespace, channel.room)
            elif packet.kind == KIND_NOTE:
                self.on_note(channel.room, packet.body)
            else:
                self._deliver(channel, packet)
        except EnvelopeError as error:
            _log.warning("not a room packet on %s: %s", channel.name, error)

    def _name_targets(self, channel: RoomSubscription) -> None:
        """For the ear, which takes the next message. Only with messages: large rooms hear more notes than those."""
        if channel.targets is None and self.log is not None and self.ear.outgoing is not None:
            members = self._members.room(self.log.namespace, channel.room)
            channel.targets = [client.target for client in members.values()]

    def _members_changed(self, room: str) -> None:
        channel = self._rooms.get(room)
        if channel is not None:
            channel.targets = None

    def _hear_logged(self, channel: RoomSubscription, packet: RoomPacket) -> None:
        if channel.backlog is not None:
            self._queue(channel, packet)
            return
        verdict = channel.watch.offer(packet.epoch, packet.seq)
        if verdict is Verdict.DELIVER:
            self._deliver(channel, packet)
        elif verdict is Verdict.GAP and self.log is not None:
            self._observer.hole(channel.room, packet.seq - channel.watch.seq - 1)
            channel.backlog = [packet]
            self._tasks.start(self._fill(channel), f"fill {channel.room}")
        elif verdict is not Verdict.DUPLICATE:
            self._declare(channel, packet.epoch, packet.seq)
            self._deliver(channel, packet)

    def _queue(self, channel: RoomSubscription, packet: RoomPacket) -> None:
        backlog = channel.backlog
        if backlog is not None and len(backlog) < MAX_BACKLOG:
            backlog.append(packet)  # beyond the bound the log has them all: a later packet shows the hole

    def _deliver(self, channel: RoomSubscription, packet: RoomPacket) -> None:
        members = self._members.room(packet.namespace, channel.room)
        if not members:
            return
        clients: Iterable[Client] = members.values()
        if packet.skip:
            clients = self._without(clients, packet.namespace, packet.skip)
        if channel.floors and packet.kind == KIND_MESSAGE:
            clients = self._above_floor(channel, clients, packet)
        self.send(clients, packet)

    def send(self, clients: Iterable[Client], packet: RoomPacket) -> None:
        """Hand a packet to local clients."""
        if self._delivery is None:
            return
        if packet.kind == KIND_BINARY:
            self._delivery.send(clients, *split_attachments(packet.body))
        else:
            self._delivery.send(clients, packet.body, ())

    def _without(self, clients: Iterable[Client], namespace: str, skip: tuple[str, ...]) -> list[Client]:
        excluded = {entry for entry in skip if not entry.startswith("=")}
        for entry in skip:
            if entry.startswith("="):
                excluded.update(self._members.room(namespace, unquote(entry[1:])))
        return [client for client in clients if client.sid not in excluded]

    def _above_floor(self, channel: RoomSubscription, clients: Iterable[Client], packet: RoomPacket) -> list[Client]:
        floors = channel.floors
        chosen = [client for client in clients if not _is_below(floors.get(client.sid), packet)]
        for sid, floor in list(floors.items()):
            if not _is_below(floor, packet) or floor[1] == packet.seq:
                del floors[sid]
        return chosen

    # --- making a room whole ---

    def reconcile(self, owns: Callable[[str], bool]) -> None:
        """Something may have been missed on these channels: compare every room with its log, in the background."""
        if self.log is not None:
            self._tasks.start(self._reconcile(owns), "reconcile rooms")

    async def _reconcile(self, owns: Callable[[str], bool]) -> None:
        """The link that hears may be back before the one for commands: nobody else would ask again."""
        while not await self._reconcile_once(owns):  # noqa: ASYNC110
            await asyncio.sleep(_FILL_RETRY_SECONDS)  # Redis is away; there is nothing to wait for but time

    async def _reconcile_once(self, owns: Callable[[str], bool]) -> bool:
        """False when the logs could not be read."""
        log = self.log
        whole = [c for c in self._channels.values() if owns(c.name) and c.watch.is_set and c.backlog is None]
        asked_at = {channel.room: channel.watch.seq for channel in whole}
        if log is None or not asked_at:
            return True
        try:
            positions = await log.positions(list(asked_at))
        except (RedisConnectionError, TimeoutError) as error:
            _log.warning("rooms not compared with their logs yet: %s", error)
            return False
        for room, asked_seq in asked_at.items():
            channel = self._rooms.get(room)
            if channel is None or channel.backlog is not None:
                continue
            epoch, seq = positions.get(room, (b"", 0))
            verdict = channel.watch.compare(epoch, seq, asked_seq)
            if verdict is Verdict.GAP:
                self._observer.hole(room, seq - channel.watch.seq)
                channel.backlog = []
                self._tasks.start(self._fill(channel), f"fill {room}")
            elif verdict is Verdict.OTHER_EPOCH:
                self._declare(channel, epoch, seq)
        return True

    async def _fill(self, channel: RoomSubscription) -> None:
        """Deliver what is missing from the log, then what waited."""
        try:
            while self._rooms.get(channel.room) is channel and not await self._fill_step(channel):  # noqa: ASYNC110
                await asyncio.sleep(_FILL_RETRY_SECONDS)  # Redis is away; there is nothing to wait for but time
        finally:
            backlog, channel.backlog = channel.backlog, None
            for packet in backlog or ():
                self._hear_logged(channel, packet)

    async def _fill_step(self, channel: RoomSubscription) -> bool:
        """True when the room is whole (or was declared not to be)."""
        log = self.log
        if log is None:
            return True
        while True:
            try:
                page = await log.page(channel.room, channel.watch.seq)
            except (RedisConnectionError, TimeoutError):
                return False
            watch = channel.watch
            if page.epoch != watch.epoch or page.seq < watch.seq or page.first > watch.seq + 1:
                self._declare(channel, page.epoch, page.seq)
                return True
            for packet in page.packets:
                watch.seq += 1
                self._deliver(channel, RoomPacket(KIND_MESSAGE, page.epoch, watch.seq, log.namespace, (), packet))
            self._observer.filled(channel.room, len(page.packets))
            if not page.packets or watch.seq >= page.seq:
                return True

    def _declare(self, channel: RoomSubscription, epoch: bytes, seq: int) -> None:
        """Tell the members that messages may be missing, and go on from here."""
        channel.watch.set(epoch, seq)
        if self.log is None or not epoch:
            return
        self._observer.resync(channel.room)
        members = self._members.room(self.log.namespace, channel.room)
        if members and self._delivery is not None:
            self._delivery.send(members.values(), self.log.resync_packet(channel.room), ())


def _ignore(room: str, note: bytes) -> None:
    """Nobody asked for notes."""


def _ignore_other(channel: bytes, data: bytes) -> None:
    """Nobody listens."""


def _is_below(floor: tuple[bytes, int] | None, packet: RoomPacket) -> bool:
    return floor is not None and floor[0] == packet.epoch and packet.seq <= floor[1]


def skip_members_of(room: str) -> str:
    """The skip-list entry for the members of a room."""
    return "=" + quote(room, safe="")
