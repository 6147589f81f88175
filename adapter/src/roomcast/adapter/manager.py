"""A python-socketio client manager over Redis: `socketio.AsyncServer(client_manager=RedisAdapter(url, node="1"))`.

It serves any python-socketio server: under aiohttp with `roomcast.engineio`, and under ASGI without it, all in one
cluster. Unlike the stock manager it publishes finished packets on one sharded channel per room, delivers only what
came back through Redis (so that all gateways see one order), and keeps its tables so that a disconnect is O(1).
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import re
import secrets
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from typing import Any, Final

import socketio

from roomcast.adapter import callbacks, codec
from roomcast.adapter.backplane import make_backplane
from roomcast.adapter.canary import CanaryProbe
from roomcast.adapter.delivery import Delivery, make_delivery
from roomcast.adapter.fanout import Fanout, RoomSubscription, skip_members_of
from roomcast.adapter.local_members import Client, LocalMembers, State
from roomcast.adapter.node_messages import Disconnect, Membership, NodeMessage
from roomcast.adapter.node_messenger import NodeMessenger
from roomcast.adapter.observer import AdapterObserver
from roomcast.adapter.room_log import RoomLog
from roomcast.adapter.room_names import is_empty, is_several, name_of, room_of
from roomcast.adapter.ticker import Ticker
from roomcast.wire import channels
from roomcast.wire.envelope import Reader, RoomPacket, pack_close, pack_event, unpack_room
from roomcast.wire.lua import ScriptLibrary
from roomcast.wire.session_ids import SessionIds
from roomcast.wire.tasks import TaskSet

NodeHandler = Callable[[Any], None]
_NODE: Final = re.compile(r"[A-Za-z0-9_-]{1,16}")
_DUPLICATE: Final = (
    "another process has the node name %s: this one serves nobody. Give each process a name of its own, or none: then"
    " it makes one"
)
_log = logging.getLogger(__name__)


class DuplicateNodeError(RuntimeError):
    """Another process of the deployment has this node name, and started before this one."""


class RedisAdapter(socketio.AsyncManager):  # type: ignore[misc]
    """The shared Redis adapter.

    `url`: see `roomcast.wire.redis_url`. `node`: 1 to 16 characters of `[A-Za-z0-9_-]`, unique among all processes of
    the deployment; without it each process makes a name of its own, which is right wherever a server starts several
    workers. Session ids start with `g<node>.`, and a room of that form is taken for a session id. A process whose name
    is taken serves nobody: `wait_ready` raises DuplicateNodeError.

    `scripts`: the Lua scripts that the application runs. `node_messages`: a union of `NodeMessage` and the
    application's own messages to nodes, which `on_node_message` gets.
    """

    def __init__(
        self,
        url: str,
        *,
        node: str | None = None,
        observer: AdapterObserver | None = None,
        redis_timeout_seconds: float = 1.0,
        linger_seconds: float = 5.0,
        replicas: int = 0,
        scripts: ScriptLibrary | None = None,
        node_messages: Any = NodeMessage,
    ) -> None:
        super().__init__()
        if node is not None and not _NODE.fullmatch(node):
            raise ValueError("a node name has 1 to 16 characters of A-Z a-z 0-9 _ -")
        self.observer = observer or AdapterObserver()
        self.backplane = make_backplane(
            url,
            name=f"roomcast-gateway-{node}" if node is not None else "roomcast-adapter",
            timeout_seconds=redis_timeout_seconds,
            replicas=replicas,
            scripts=scripts,
        )
        self.members = LocalMembers()
        self.fanout = Fanout(
            self.backplane,
            self.members,
            self.observer,
            linger_seconds=linger_seconds,
            close_room=self._close_locally,
        )
        self.beat = Ticker(random.random())  # noqa: S311 (a phase, not a secret)
        self.on_node_message: NodeHandler = _ignore
        """Gets the node messages that are not the adapter's own (a signer's replies)."""
        self.on_resubscribed: Callable[[], None] = _nothing
        """Called after every subscription of all channels: something may have been missed before it."""
        self.listeners: dict[bytes, Callable[[bytes], None]] = {}
        """More channels to hear: raw channel name to handler of the data. Use `listen`."""
        self._namespaces: dict[bytes, str] = {}
        """channel -> namespace, of those heard"""
        self._heard: set[str] = set()
        self._delivery: Delivery | None = None
        self._tasks = TaskSet()
        self._is_duplicate = False
        self._given_node = node
        self._node_reader = Reader(node_messages)
        self._identify()

    def _identify(self) -> None:
        """Take a name. A process that was forked from the one that made the adapter takes one of its own."""
        self._process = os.getpid()
        self.node = self._given_node or f"w{secrets.token_hex(5)}"
        self.incarnation = secrets.token_hex(4)
        self._new_id = SessionIds(self.node)
        self.choir = CanaryProbe(
            self.backplane,
            self.node,
            self.incarnation,
            self,
            self.beat,
            on_deaf=self.observer.deaf,
            on_duplicate=self._give_way,
            started_at=time.time(),
        )
        self.post = NodeMessenger(
            self.node, self, self._publish, lambda message: self.on_node_message(message), self._node_reader
        )

    # --- life ---

    def set_server(self, server: Any) -> None:
        super().set_server(server)
        self._delivery = make_delivery(server)
        self.fanout.use_delivery(self._delivery)

    def initialize(self) -> None:
        """Called by python-socketio before the first client; `start` does it earlier."""
        self.start()

    def start(self, log: RoomLog | None = None) -> None:
        """Open the Redis links in the background. Call inside the event loop; repeated calls are no-ops."""
        if self.backplane.is_started:
            return
        if os.getpid() != self._process:
            self._identify()
        if log is not None:
            self.fanout.use_log(log)
        self.backplane.on_message = self.fanout.ear
        self.fanout.on_other = self._hear
        self.fanout.on_question = self.post.receive_question
        self.backplane.on_resubscribed = self._resubscribed
        self.backplane.start()
        self.listen(channels.node_channel(self.node), self.post.hear)
        self._tasks.supervise(self.choir.run, "canary")

    async def wait_ready(self, seconds: float = 10.0) -> None:
        """Wait until Redis is connected, every channel subscribed, and the node name this process's own.

        Raise TimeoutError, or DuplicateNodeError when an older process has the name.
        """
        self.start()
        async with asyncio.timeout(seconds):
            await self.backplane.wait_up(seconds)
            if self._given_node is not None:
                await self.choir.claim()
        if self._is_duplicate:
            raise DuplicateNodeError(_DUPLICATE % self.node)

    def _give_way(self) -> None:
        """Serve nobody: what is sent to this process's sessions would reach the other one half of the time."""
        if not self._is_duplicate:
            self._is_duplicate = True
            _log.critical(_DUPLICATE, self.node)

    async def close(self) -> None:
        """End background work and drop the Redis links. Idempotent."""
        await self._tasks.cancel()
        await self.fanout.close()
        if self._delivery is not None:
            await self._delivery.close()
        await self.backplane.close()

    def background(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run something that outlives its caller; its failure is logged."""
        return self._tasks.start(work, name)

    @property
    def is_ready(self) -> bool:
        """Whether this node is connected, subscribed, not deaf, and alone with its name."""
        return (
            self.backplane.is_up
            and not self._is_duplicate
            and not self.choir.deaf_seconds(asyncio.get_running_loop().time())
        )

    def _resubscribed(self, owns: Callable[[str], bool]) -> None:
        self.fanout.reconcile(owns)
        self.on_resubscribed()

    # --- tables: what python-socketio asks of a manager ---

    def get_namespaces(self) -> Iterable[str]:
        return self.members.namespaces.keys()

    def get_participants(self, namespace: str, room: Any) -> Iterator[tuple[str, str]]:
        for client in list(self._local(namespace, room).values()):
            yield client.sid, client.eio_sid

    def _local(self, namespace: str, room: Any) -> dict[str, Client]:
        if room is None:
            return self.members.everyone(namespace)
        if is_several(room):
            merged: dict[str, Client] = {}
            for one in room:
                merged.update(self._local(namespace, one))
            return merged
        name = name_of(room)
        client = self.members.client(namespace, name)
        return {name: client} if client else self.members.room(namespace, name)

    async def pre_connect(self, eio_sid: str, namespace: str) -> str | None:
        if self._is_duplicate:
            return None
        sid = self._new_id()
        target = self._delivery.target(eio_sid) if self._delivery else eio_sid
        if not self.members.add(namespace, Client(sid, eio_sid, target)):
            return None
        self._hear_namespace(namespace)
        return sid

    async def connect(self, sid: str, namespace: str) -> str | None:
        client = self.members.client(namespace, sid)
        if client is None:  # a complete attempt: `sid` is the Engine.IO session
            new = await self.pre_connect(sid, namespace)
            client = self.members.client(namespace, new or "")
        if client is None:
            return None
        client.state = State.CONNECTED
        return client.sid

    def is_pre_connected(self, sid: str, namespace: str) -> bool:
        client = self.members.client(namespace, sid)
        return client is not None and client.state is State.CONNECTING

    def is_connected(self, sid: str, namespace: str) -> bool:
        client = self.members.client(namespace, sid)
        return client is not None and client.state is State.CONNECTED

    def sid_from_eio_sid(self, eio_sid: str, namespace: str) -> str | None:
        client = self.members.client_of(namespace, eio_sid)
        return client.sid if client else None

    def eio_sid_from_sid(self, sid: str, namespace: str) -> str | None:
        client = self.members.client(namespace, sid)
        return client.eio_sid if client else None

    def pre_disconnect(self, sid: str, namespace: str) -> str | None:
        client = self.members.client(namespace, sid)
        if client is None:
            return None
        client.state = State.LEAVING
        return client.eio_sid

    async def can_disconnect(self, sid: str, namespace: str) -> bool:
        """True when the client is here; another node is asked to do it itself."""
        if self.is_connected(sid, namespace):
            return True
        if (node := self.post.node_of(sid)) is not None:
            await self.post.tell(node, Disconnect(namespace, sid))
        return False

    async def disconnect_here(self, namespace: str, sid: str) -> None:
        """Another node asks to disconnect one of our clients."""
        await self.server.disconnect(sid, namespace=namespace)

    async def disconnect(self, sid: str, namespace: str, **kwargs: Any) -> None:
        if not kwargs.get("ignore_queue") and self.members.client(namespace, sid) is None:
            await self.can_disconnect(sid, namespace)
            return
        for room in self.members.remove(namespace, sid):
            self.fanout.vacated(room)

    async def enter_room(self, sid: str, namespace: str, room: Any, eio_sid: str | None = None) -> None:
        """Return once Redis has confirmed that this node receives what is sent to the room."""
        await self.enter_named(sid, namespace, name_of(room))

    async def enter_named(self, sid: str, namespace: str, name: str) -> None:
        """Enter a room by its name (see `room_names`)."""
        if (node := self.post.node_of(sid)) is not None:
            await self.post.tell(node, Membership(namespace, sid, name, enter=True))
            return
        self._refuse_session_room(namespace, sid, name)
        if name == sid:
            return
        channel = self.fanout.pin(name)
        try:
            self.members.enter(namespace, sid, name)
            await asyncio.shield(channel.subscribed)
        finally:
            self.fanout.unpin(name)

    async def leave_room(self, sid: str, namespace: str, room: Any) -> None:
        """Leave a room; another node does it for its own session."""
        await self.leave_named(sid, namespace, name_of(room))

    async def leave_named(self, sid: str, namespace: str, name: str) -> None:
        """Leave a room by its name (see `room_names`)."""
        if (node := self.post.node_of(sid)) is not None:
            await self.post.tell(node, Membership(namespace, sid, name, enter=False))
        elif self.members.leave(namespace, sid, name):
            self.fanout.vacated(name)

    async def close_room(self, room: Any, namespace: str) -> None:
        """Make every member leave the room, on all nodes."""
        name = name_of(room)
        self._refuse_session_room(namespace, None, name)
        await self._publish(channels.room_channel(name), pack_close(namespace))

    def get_rooms(self, sid: str, namespace: str) -> list[Any]:
        """Return the rooms of a session of this node, its own id first."""
        client = self.members.client(namespace, sid)
        return [sid, *map(room_of, client.rooms)] if client else []

    def _refuse_session_room(self, namespace: str, sid: str | None, room: str) -> None:
        if room != sid and self.members.client(namespace, room) is not None:
            raise ValueError("cannot enter or close a sid room")

    def _close_locally(self, namespace: str, room: str) -> None:
        for sid in list(self.members.room(namespace, room)):
            self.members.leave(namespace, sid, room)
        self.fanout.vacated(room)

    # --- joining with history ---

    def pin(self, room: str) -> RoomSubscription:
        """Hear a room at least until `unpin`, so that its log can be read without a gap. See `Fanout.pin`."""
        return self.fanout.pin(room)

    def unpin(self, room: str) -> None:
        self.fanout.unpin(room)

    def admit(self, namespace: str, sid: str, room: str, epoch: bytes, seq: int) -> bool:
        """See `Fanout.admit`. Synchronous: what the caller sends next to `sid` comes before any live packet."""
        return self.fanout.admit(namespace, sid, room, epoch, seq)

    # --- emitting ---

    async def emit(
        self,
        event: str,
        data: Any,
        namespace: str,
        room: Any = None,
        skip_sid: Any = None,
        callback: Callable[..., Any] | None = None,
        to: Any = None,
        **kwargs: Any,
    ) -> None:
        """Send an event to a session, a room, several rooms (each recipient once), or (`None`) the whole namespace.

        `callback` gets the ack of a session, or the first one of a room's members; other targets take none. Raise
        ValueError for them, and for an empty `to` or `room`: it is a caller's mistake, not a broadcast.
        """
        room = to if to is not None else room
        if is_empty(room):
            raise ValueError("an empty room addresses nobody: use None for the whole namespace")
        if callback is not None and (room is None or is_several(room)):
            raise ValueError("an ack callback needs one session or one room as its target")
        skip = _as_tuple(skip_sid)
        names = [] if room is None else list(dict.fromkeys(map(name_of, room if is_several(room) else (room,))))
        for name in list(names):
            client = self.members.client(namespace, name)
            if client is not None or self.post.node_of(name) is not None:
                await self._emit_to_session(event, data, namespace, name, client, skip, callback)
                names.remove(name)
                skip = (*skip, name)
        if room is not None and not names:
            return
        packet, attachments = codec.encode_event(self.server, namespace, event, data)
        if room is None:
            self._hear_namespace(namespace)
            await self._publish(
                channels.namespace_channel(namespace), pack_event(namespace, packet, skip, tuple(attachments))
            )
        elif callback is not None:
            await self.post.ask(channels.room_channel(names[0]), namespace, skip, packet, attachments, callback)
        else:
            await self._emit_to_rooms(names, namespace, packet, tuple(attachments), skip)

    async def _emit_to_rooms(
        self, names: list[str], namespace: str, packet: bytes, attachments: tuple[bytes, ...], skip: tuple[str, ...]
    ) -> None:
        """Publish to each room for its members that no room before had."""
        for name in names:
            await self._publish(channels.room_channel(name), pack_event(namespace, packet, skip, attachments))
            skip = (*skip, skip_members_of(name))

    async def _publish(self, channel: str, data: bytes) -> None:
        """A process that only publishes needs no `start`: its first packet opens the links."""
        if not self.backplane.is_started:
            await self.wait_ready()
        await self.backplane.publish(channel, data)

    async def _emit_to_session(
        self,
        event: str,
        data: Any,
        namespace: str,
        sid: str,
        client: Client | None,
        skip: tuple[str, ...],
        callback: Callable[..., Any] | None,
    ) -> None:
        if sid in skip:
            return
        if client is not None:
            ack_id = callbacks.expect_ack(client, callback)
            self.deliver(client, *codec.encode_event(self.server, namespace, event, data, ack_id))
            return
        packet, attachments = codec.encode_event(self.server, namespace, event, data)
        await self.post.emit(namespace, sid, packet, attachments, callback)

    def _generate_ack_id(self, sid: str, callback: Callable[..., Any]) -> int:
        for space in self.members.namespaces.values():
            if (client := space.clients.get(sid)) is not None:
                return callbacks.expect_ack(client, callback) or 0
        raise ValueError("unknown session")

    async def trigger_callback(self, sid: str, id: int, data: Any) -> None:  # noqa: A002 (python-socketio's name)
        for space in self.members.namespaces.values():
            client = space.clients.get(sid)
            if client is not None and (callback := callbacks.take_ack(client, id)) is not None:
                await callbacks.run(callback, data)
                return

    def deliver(self, client: Client, packet: bytes, attachments: Sequence[bytes] = ()) -> None:
        """A finished packet to one client of this gateway."""
        if self._delivery is not None:
            self._delivery.send((client,), packet, attachments)

    def send_locally(self, namespace: str, sids: Iterable[str], packet: bytes) -> None:
        """A finished packet to sessions of this gateway; unknown ones are ignored."""
        found = [client for sid in sids if (client := self.members.client(namespace, sid)) is not None]
        if found and self._delivery is not None:
            self._delivery.send(found, packet, ())

    def send_to_local_room(self, namespace: str, room: str, packet: bytes) -> None:
        """A finished packet to the room's members on this gateway."""
        if self._delivery is not None and (members := self.members.room(namespace, room)):
            self._delivery.send(members.values(), packet, ())

    # --- hearing ---

    def listen(self, channel: str, handler: Callable[[bytes], None]) -> asyncio.Future[None]:
        """Hear one more channel; the future is done once Redis has confirmed."""
        self.listeners[self.backplane.received_as(channel)] = handler
        return self.backplane.subscribe(channel)

    def unlisten(self, channel: str) -> None:
        if self.listeners.pop(self.backplane.received_as(channel), None) is not None:
            self.backplane.unsubscribe(channel)

    def _hear_namespace(self, namespace: str) -> None:
        if namespace in self._heard or not self.backplane.is_started:
            return
        self._heard.add(namespace)
        channel = channels.namespace_channel(namespace)
        self._namespaces[self.backplane.received_as(channel)] = namespace
        self.backplane.subscribe(channel)

    def _hear(self, channel: bytes, data: bytes) -> None:
        """What no room heard."""
        if (handler := self.listeners.get(channel)) is not None:
            handler(data)
        elif channel in self._namespaces:
            self._hear_everyone(unpack_room(data))

    def _hear_everyone(self, packet: RoomPacket) -> None:
        clients = self.members.everyone(packet.namespace).values()
        chosen = [c for c in clients if c.state is State.CONNECTED and c.sid not in packet.skip]
        self.fanout.send(chosen, packet)


def _ignore(message: Any) -> None:
    """Nobody asked for these."""


def _nothing() -> None:
    """Nobody asked to be told."""


def _as_tuple(skip_sid: Any) -> tuple[str, ...]:
    if skip_sid is None:
        return ()
    return (skip_sid,) if isinstance(skip_sid, str) else tuple(skip_sid)


__all__ = ["DuplicateNodeError", "RedisAdapter"]
