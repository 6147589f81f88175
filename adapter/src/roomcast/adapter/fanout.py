"""Deliver the packets of room channels to local members: in order, without gaps, and without parsing JSON.

`Fanout` keeps one `RoomSubscription` for each room that has a local member or that a caller has acquired. The first
member subscribes the room. After the last member has left, the room stays subscribed for some seconds. The room's
`OrderTracker` checks the order of logged packets. A gap is filled from the log before any later packet is delivered. If
the log cannot repair a loss, the members get a `resync` event.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable
from typing import Final
from urllib.parse import quote, unquote

from roomcast.adapter.gap_filler import GapFiller
from roomcast.adapter.local_delivery import Delivery
from roomcast.adapter.local_members import Client, LocalMembers
from roomcast.adapter.observer import AdapterObserver
from roomcast.adapter.order import Verdict
from roomcast.adapter.plain_deliveries import Subscriber
from roomcast.adapter.redis.channel_handlers import Channels, Unsealed, refuse_unsealed
from roomcast.adapter.room_log import RoomLog
from roomcast.adapter.room_subscription import RoomSubscription
from roomcast.adapter.unsealed_messages import AnnouncedRooms
from roomcast.wire import channels
from roomcast.wire.envelope import (
    KIND_BINARY,
    KIND_CLOSE,
    KIND_EVENT,
    KIND_MESSAGE,
    KIND_NOTE,
    KIND_QUESTION,
    EnvelopeError,
    RoomPacket,
    pack_routing,
    split_attachments,
    unpack_room,
)
from roomcast.wire.limited_log import LimitedLog
from roomcast.wire.seals import UNSEALED, ForgedError, Seals

LINGER_SECONDS: Final = 5.0
"""Seconds for which a room stays subscribed after its last local member has left."""
_BY_SCRIPTS: Final = frozenset((KIND_MESSAGE, KIND_NOTE))
"""The kinds of packets that Lua scripts publish. These packets contain the publisher token instead of a seal."""
_log = logging.getLogger(__name__)


def _ignore_note(room: str, note: bytes) -> None:
    """Ignore a note."""


def _ignore_question(clients: list[Client], question: RoomPacket) -> None:
    """Ignore a question."""


def _ignore_other(channel: bytes, data: bytes, is_trusted: bool) -> None:
    """Ignore a message."""


class Fanout:
    """Receives the packets of the room channels of one node, and delivers them to local members.

    `close_room(namespace, room)` makes the local members leave. `on_note(room, note)` gets each packet of the kind
    note (see `roomcast.wire.envelope`), `on_question(clients, question)` each question and the local members that get
    it, `on_other(channel, data, is_trusted)` each message of a channel that does not belong to a room.

    With a cluster key, a packet is trusted if it has a seal or a publisher token. `unsealed_event(packet)` chooses the
    untrusted events that are delivered. An untrusted logged message is not delivered. It only makes this node compare
    the room with its log, and deliver the messages of the log.
    """

    def __init__(
        self,
        backplane: Channels,
        members: LocalMembers,
        observer: AdapterObserver,
        *,
        linger_seconds: float = LINGER_SECONDS,
        close_room: Callable[[str, str], None],
        on_note: Callable[[str, bytes], None] = _ignore_note,
        on_question: Callable[[list[Client], RoomPacket], None] = _ignore_question,
        on_other: Callable[[bytes, bytes, bool], None] = _ignore_other,
        seals: Seals = UNSEALED,
        unsealed_event: Unsealed = refuse_unsealed,
    ) -> None:
        self.log: RoomLog | None = None
        self._delivery: Delivery | None = None
        self._backplane = backplane
        self._members = members
        self._observer = observer
        self._linger = linger_seconds
        self._close_room = close_room
        self._on_note = on_note
        self._on_question = on_question
        self._on_other = on_other
        self._seals = seals
        self._unsealed_event = unsealed_event
        self.subscriber = Subscriber(self.receive)
        """The receiver of all messages from Redis: it delivers plain messages, and calls `receive` with the rest."""
        self._channels: dict[bytes, RoomSubscription] = self.subscriber.rooms
        self._rooms: dict[str, RoomSubscription] = {}
        self._filler: GapFiller | None = None
        self._announced: AnnouncedRooms | None = None
        self._limited = LimitedLog(_log)
        self._is_held = False

    def use_log(self, log: RoomLog) -> None:
        """Use this log to fill the gaps of rooms."""
        self.log = log
        self._filler = GapFiller(log, self, self._observer)
        self._announced = AnnouncedRooms(self._filler)
        self.subscriber.routing = pack_routing(log.namespace, self._seals.publisher_token)

    def use_delivery(self, delivery: Delivery) -> None:
        """Use this delivery to send packets."""
        self._delivery = delivery
        self.subscriber.outgoing = None if self._is_held else delivery.outgoing

    async def close(self) -> None:
        """End all work. Do not unsubscribe: the caller closes the connections anyway."""
        for channel in self._channels.values():
            if channel.linger is not None:
                channel.linger.cancel()
        for work in (self._announced, self._filler):
            if work is not None:
                await work.close()

    @property
    def rooms(self) -> int:
        """The number of subscribed rooms."""
        return len(self._rooms)

    # --- which rooms are subscribed ---

    def acquire(self, room: str) -> RoomSubscription:
        """Subscribe the room, and keep it subscribed at least until `release`."""
        channel = self._rooms.get(room)
        if channel is None:
            name = channels.room_channel(room)
            subscribed = self._backplane.subscribe(name)
            channel = self._rooms[room] = RoomSubscription(room, self._backplane.received_as(name), subscribed)
            self._channels[channel.channel] = channel
        elif channel.subscribed.done():
            channel.subscribed = self._backplane.subscribe(channel.name)
        channel.holds += 1
        if channel.linger is not None:
            channel.linger.cancel()
            channel.linger = None
        return channel

    def release(self, room: str) -> None:
        """Undo one `acquire`. Schedule the end of the subscription if the room is vacant (see `member_left`)."""
        channel = self._rooms.get(room)
        if channel is not None:
            channel.holds -= 1
            self.member_left(room)

    def member_left(self, room: str) -> None:
        """Unsubscribe the room after the linger time, if it then has no member and no `acquire` without `release`."""
        channel = self._rooms.get(room)
        if channel is None or channel.linger is not None or not self._is_vacant(channel):
            return
        loop = asyncio.get_running_loop()
        channel.linger = loop.call_later(self._linger, self._drop_if_vacant, channel)

    def _is_vacant(self, channel: RoomSubscription) -> bool:
        return channel.holds <= 0 and not self._members.has_room(channel.room)

    def _drop_if_vacant(self, channel: RoomSubscription) -> None:
        channel.linger = None
        if self._is_vacant(channel):
            del self._rooms[channel.room]
            del self._channels[channel.channel]
            if self._announced is not None:
                self._announced.discard(channel)
            if self._filler is not None:
                self._filler.stop(channel)
            self._backplane.unsubscribe(channel.name)

    # --- joining with history ---

    def admit(self, namespace: str, sid: str, room: str, epoch: bytes, seq: int) -> bool:
        """Make `sid` a member that already has the log up to `seq`. The caller must have acquired the room.

        Return False if live packets are ahead of that position: the caller must then read the log again. No message is
        missed between the read and the first live packet, because the channel was subscribed before the read. This
        method does not await, so that the caller can send `sid` a packet before any live packet.
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

    # --- receiving ---

    def receive(self, name: bytes, data: bytes) -> None:
        """Handle a message of a channel. Never raises: one bad packet must not end the subscriptions of all rooms."""
        try:
            channel = self._channels.get(name)
            envelope, is_sealed = self._seals.open(name, data)
            is_trusted = is_sealed or not self._seals.requires_seal
            if channel is None:
                self._on_other(name, envelope, is_trusted)
            elif not self._is_held:
                self._receive_room(channel, unpack_room(envelope), is_trusted)
        except ForgedError as error:
            self._observer.forged()
            self._limited.warning("forged", "a forged message on channel %.200r was dropped: %s", name, error)
        except EnvelopeError as error:
            self._limited.warning("packet", "no envelope: a message on channel %.200r was dropped: %.200s", name, error)
        except Exception as error:
            self._limited.error("handler", "a packet on channel %.200r could not be handled", name, error=error)

    def _receive_room(self, channel: RoomSubscription, packet: RoomPacket, is_trusted: bool) -> None:
        if packet.skip and packet.kind in _BY_SCRIPTS and self._seals.is_publisher(packet.skip):
            packet, is_trusted = packet._replace(skip=()), True
        if is_trusted:
            self._receive_trusted(channel, packet)
        elif packet.kind == KIND_MESSAGE:
            if self._announced is not None:
                self._announced.add(channel)
        elif packet.kind == KIND_EVENT and self._unsealed_event(packet.body):
            self.deliver(channel, packet)
        else:
            raise ForgedError(f"no seal, kind {packet.kind}")

    def _receive_trusted(self, channel: RoomSubscription, packet: RoomPacket) -> None:
        if packet.kind == KIND_MESSAGE:
            self._receive_logged(channel, packet)
            self._name_targets(channel)
        elif packet.kind == KIND_CLOSE:
            self._close_room(packet.namespace, channel.room)
        elif packet.kind == KIND_NOTE:
            self._on_note(channel.room, packet.body)
        elif packet.kind == KIND_QUESTION:
            self._on_question(list(self._recipients(channel, packet)), packet)
        else:
            self.deliver(channel, packet)

    def _name_targets(self, channel: RoomSubscription) -> None:
        """Store the room's targets for the fast path of messages. Other packets, such as notes, do not need targets."""
        if channel.targets is None and self.log is not None and self.subscriber.outgoing is not None:
            members = self._members.room(self.log.namespace, channel.room)
            channel.targets = [client.target for client in members.values()]

    def members_changed(self, room: str) -> None:
        """Drop the targets that the subscriber uses for a room, because a member joined or left."""
        channel = self._rooms.get(room)
        if channel is not None:
            channel.targets = None

    def _receive_logged(self, channel: RoomSubscription, packet: RoomPacket) -> None:
        filler = self._filler
        if filler is None:  # without a log, packets are delivered in the order of arrival
            self.deliver(channel, packet)
        elif channel.backlog is not None:
            filler.hold(channel, packet)
        else:
            self._receive_next(filler, channel, packet)

    def _receive_next(self, filler: GapFiller, channel: RoomSubscription, packet: RoomPacket) -> None:
        verdict = channel.watch.offer(packet.epoch, packet.seq)
        if verdict is Verdict.DELIVER:
            self.deliver(channel, packet)
        elif verdict is Verdict.GAP:
            filler.start(channel, (packet,), packet.seq - channel.watch.seq - 1)
        elif verdict is Verdict.OTHER_EPOCH:  # the log shows whether the room has this epoch
            filler.start(channel, (packet,), 0)

    def deliver(self, channel: RoomSubscription, packet: RoomPacket) -> None:
        """Send the next packet, in order, to the room's local members."""
        clients = self._recipients(channel, packet)
        if channel.floors and packet.kind == KIND_MESSAGE:
            clients = self._above_floor(channel, clients, packet)
        if clients:
            self.send(clients, packet)

    def _recipients(self, channel: RoomSubscription, packet: RoomPacket) -> Collection[Client]:
        """Return the local members of the room that are not on the packet's skip list."""
        clients = self._members.room(packet.namespace, channel.room).values()
        return self._without(clients, packet.namespace, packet.skip) if packet.skip else clients

    def send(self, clients: Iterable[Client], packet: RoomPacket) -> None:
        """Hand a packet to local clients."""
        if self._delivery is None or self._is_held:
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

    # --- isolation: dropping all packets ---

    def hold(self) -> None:
        """Drop all packets of room channels until `release_held`."""
        self._is_held = True
        self.subscriber.outgoing = None
        if self._filler is not None:
            self._filler.pause()

    def release_held(self) -> None:
        """Deliver packets again. Compare every room with its log, to deliver the messages that `hold` dropped."""
        self._is_held = False
        if self._delivery is not None:
            self.subscriber.outgoing = self._delivery.outgoing
        if self._filler is not None:
            self._filler.go_on()
        self.compare_with_logs(lambda channel: True)

    # --- comparing with the logs ---

    def compare_with_logs(self, owns: Callable[[str], bool]) -> None:
        """Compare the rooms whose channels `owns` selects with their logs, in the background."""
        if self._filler is not None and not self._is_held:
            self._filler.compare(room for room in self._channels.values() if owns(room.name))

    def is_subscribed(self, room: RoomSubscription) -> bool:
        """Return whether this is still the current subscription of its room."""
        return self._rooms.get(room.room) is room

    def declare_loss(self, channel: RoomSubscription, epoch: bytes, seq: int) -> None:
        """Tell the members that messages may be missing, and continue from this position.

        An empty epoch means that the room has no log any more: the next packet or join sets the position.
        """
        channel.watch.set(epoch, seq)
        if self.log is None:
            return
        self._observer.resync(channel.room)
        members = self._members.room(self.log.namespace, channel.room)
        if members and self._delivery is not None:
            self._delivery.send(members.values(), self.log.resync_packet(channel.room), ())


def _is_below(floor: tuple[bytes, int] | None, packet: RoomPacket) -> bool:
    return floor is not None and floor[0] == packet.epoch and packet.seq <= floor[1]


def skip_members_of(room: str) -> str:
    """Return the skip-list entry for the members of a room."""
    return "=" + quote(room, safe="")
