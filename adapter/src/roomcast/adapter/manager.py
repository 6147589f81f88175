"""A python-socketio client manager over Redis: `socketio.AsyncServer(client_manager=RedisAdapter(url, node="1"))`.

It serves any python-socketio server: under aiohttp with `roomcast.engineio`, and under ASGI with a stock Engine.IO
server. Both kinds work in one cluster. The adapter differs from the stock manager in three points:

* It publishes finished packets, on one sharded channel per room.
* It delivers only packets that came back from Redis, so that all gateways see the same order.
* A disconnect does not search all rooms.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from roomcast.adapter import codec
from roomcast.adapter.emission import Emission
from roomcast.adapter.fanout import Fanout
from roomcast.adapter.local_delivery import make_delivery
from roomcast.adapter.local_manager import LocalManager
from roomcast.adapter.local_members import Client, State
from roomcast.adapter.namespace_channels import NamespaceChannels
from roomcast.adapter.node_identity import NodeIdentity
from roomcast.adapter.node_messages import Disconnect, Membership, NodeMessage
from roomcast.adapter.node_messenger import NodeMessenger
from roomcast.adapter.observer import AdapterObserver
from roomcast.adapter.redis.backplane_factory import make_backplane
from roomcast.adapter.redis.canary import CanaryProbe
from roomcast.adapter.redis.channel_handlers import ChannelHandlers, Unsealed, refuse_unsealed
from roomcast.adapter.room_log import RoomLog
from roomcast.adapter.room_names import name_of
from roomcast.adapter.ticker import Ticker
from roomcast.wire import channels
from roomcast.wire.envelope import Reader, pack_close
from roomcast.wire.lua import ScriptLibrary
from roomcast.wire.seals import Seals
from roomcast.wire.tasks import TaskSet

NodeHandler = Callable[[Any], None]
NoteHandler = Callable[[str, bytes], None]


class RedisAdapter(LocalManager):
    """The shared Redis adapter.

    `url`: see `roomcast.wire.redis_url`. `node`: 1 to 16 characters of `[A-Za-z0-9_-]`, unique among all processes of
    the deployment. By default each process chooses a random name, which suits servers that start several workers.
    Session ids start with `g<node>.`, and a room name of that form counts as a session id. While an older process has
    the same node name, this process serves no clients: `wait_ready` raises DuplicateNodeError, and connections are
    refused. `is_node_leased` switches this check off, for an application that itself makes sure that names are unique.

    `scripts`: the Lua scripts that the application runs. `node_messages`: a union of `NodeMessage` and the
    application's own messages to nodes, which `on_node_message` gets.

    `cluster_keys`: with them, every process of the deployment seals its messages, and drops unsealed ones (see
    `roomcast.wire.seals`). `unsealed_event` chooses the events to rooms and namespaces that are delivered without a
    seal.
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
        is_node_leased: bool = False,
        cluster_keys: Sequence[str] = (),
        unsealed_event: Unsealed = refuse_unsealed,
    ) -> None:
        super().__init__(lambda room: self.fanout.members_changed(room))
        self._identity = NodeIdentity(node, is_leased=is_node_leased)
        self.observer = observer or AdapterObserver()
        self.seals = Seals(cluster_keys)
        self.backplane = make_backplane(
            url,
            name=f"roomcast-gateway-{node}" if node is not None else "roomcast-adapter",
            timeout_seconds=redis_timeout_seconds,
            replicas=replicas,
            scripts=scripts,
            seals=self.seals,
        )
        self.fanout = self._make_fanout(linger_seconds, unsealed_event)
        self.ticker = Ticker(random.random())  # noqa: S311 (a phase, not a secret)
        self._on_note: NoteHandler = _ignore_note
        self._on_node_message: NodeHandler = _ignore
        self._on_resubscribed: Callable[[], None] = _ignore_resubscription
        self._handlers = ChannelHandlers(self.backplane)
        self._namespaces = NamespaceChannels(self._handlers, self.members, self.fanout, unsealed_event)
        self._tasks = TaskSet()
        self._node_reader = Reader(node_messages)
        self._make_probe_and_messenger()

    def _make_fanout(self, linger_seconds: float, unsealed_event: Unsealed) -> Fanout:
        return Fanout(
            self.backplane,
            self.members,
            self.observer,
            linger_seconds=linger_seconds,
            close_room=self._close_locally,
            on_note=lambda room, note: self._on_note(room, note),
            on_question=lambda clients, question: self.messenger.receive_question(clients, question),
            on_other=lambda channel, data, is_trusted: self._handlers.receive(channel, data, is_trusted),
            seals=self.seals,
            unsealed_event=unsealed_event,
        )

    def _make_probe_and_messenger(self) -> None:
        """Make the parts that depend on the node name. A forked process makes them again, with its own name."""
        self.canary = CanaryProbe(
            self.backplane,
            self.node,
            self.incarnation,
            self,
            self.ticker,
            on_deaf=self.observer.deaf,
            on_duplicate=self._identity.give_way,
            started_at=self._identity.started_at,
        )
        self.messenger = NodeMessenger(
            self.node, self, self._publish, lambda message: self._on_node_message(message), self._node_reader
        )

    @property
    def node(self) -> str:
        """The node name of this process."""
        return self._identity.name

    @property
    def incarnation(self) -> str:
        """A random text that tells this process from earlier processes with its node name."""
        return self._identity.incarnation

    # --- life ---

    def set_server(self, server: Any) -> None:
        """Set the python-socketio server that this manager serves."""
        super().set_server(server)
        self.delivery = make_delivery(server)
        self.fanout.use_delivery(self.delivery)

    def initialize(self) -> None:
        """Start the adapter. python-socketio calls this before it serves its first client."""
        self.start()

    def start(
        self,
        log: RoomLog | None = None,
        *,
        on_note: NoteHandler | None = None,
        on_node_message: NodeHandler | None = None,
        on_resubscribed: Callable[[], None] | None = None,
    ) -> None:
        """Open the Redis connections in the background, inside the event loop; repeated calls do nothing.

        `log` fills the gaps of rooms. `on_note(room, note)` gets the notes on room channels, `on_node_message` the node
        messages of kinds that the adapter does not know. `on_resubscribed` is called whenever channels were subscribed
        again, because messages may have been missed in between.
        """
        if self.backplane.is_started:
            return
        if self._identity.is_forked:
            self._identity.choose()
            self._make_probe_and_messenger()
        if log is not None:
            self.fanout.use_log(log)
        self._on_note = on_note or _ignore_note
        self._on_node_message = on_node_message or _ignore
        self._on_resubscribed = on_resubscribed or _ignore_resubscription
        self.backplane.start(self.fanout.subscriber, self._resubscribed)
        self.subscribe(channels.node_channel(self.node), self.messenger.receive)
        self._tasks.supervise(self.canary.run, "canary")

    async def wait_ready(self, seconds: float = 10.0) -> None:
        """Wait until Redis is connected and every channel is subscribed. Check that no older process has this name.

        Raise TimeoutError, or DuplicateNodeError when an older process has the name.
        """
        self.start()
        async with asyncio.timeout(seconds):
            await self.backplane.wait_up(seconds)
            if self._identity.must_claim:
                await self.canary.claim()
        self._identity.check()

    async def close(self) -> None:
        """End background work and close the Redis connections. Idempotent."""
        await self._tasks.cancel()
        await self.fanout.close()
        if self.delivery is not None:
            await self.delivery.close()
        await self.backplane.close()

    def background(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run a coroutine in the background, and log its failure."""
        return self._tasks.start(work, name)

    @property
    def is_ready(self) -> bool:
        """Return whether this node is connected, subscribed, not deaf, and the only one with its name."""
        return (
            self.backplane.is_up
            and not self._identity.is_duplicate
            and not self.canary.is_refused
            and not self.canary.deaf_seconds(asyncio.get_running_loop().time())
        )

    def hold_rooms(self) -> None:
        """Drop the packets of room and namespace channels until `release_rooms`."""
        self.fanout.hold()

    def release_rooms(self) -> None:
        """Deliver packets again. Rooms with a log lose no message: the adapter compares them with their logs."""
        self.fanout.release_held()

    def _resubscribed(self, owns: Callable[[str], bool]) -> None:
        self.fanout.compare_with_logs(owns)
        self._on_resubscribed()

    # --- the methods that python-socketio calls to connect clients and change rooms ---

    async def pre_connect(self, eio_sid: str, namespace: str) -> str | None:
        """Prepare a client's connection to a namespace; return its session id, or None to refuse."""
        if self._identity.is_duplicate:
            return None
        sid = self._identity.new_session_id()
        target = self.delivery.target(eio_sid) if self.delivery else eio_sid
        if not self.members.add(namespace, Client(sid, eio_sid, target)):
            return None
        self._subscribe_namespace(namespace)
        return sid

    async def connect(self, sid: str, namespace: str) -> str | None:
        """Complete a client's connection to a namespace."""
        client = self.members.client(namespace, sid)
        if client is None:  # no `pre_connect` before: `sid` is the Engine.IO session id
            new = await self.pre_connect(sid, namespace)
            client = self.members.client(namespace, new or "")
        if client is None:
            return None
        client.state = State.CONNECTED
        return client.sid

    async def can_disconnect(self, sid: str, namespace: str) -> bool:
        """Return whether the client is connected here; if another node has it, ask that node to disconnect it."""
        if self.is_connected(sid, namespace):
            return True
        if (node := self.messenger.node_of(sid)) is not None:
            await self.messenger.tell(node, Disconnect(namespace, sid))
        return False

    async def disconnect_here(self, namespace: str, sid: str) -> None:
        """Disconnect a client of this node, at the request of another node."""
        await self.server.disconnect(sid, namespace=namespace)

    async def disconnect(self, sid: str, namespace: str, **kwargs: Any) -> None:
        """Disconnect a client of this or another node."""
        if not kwargs.get("ignore_queue") and self.members.client(namespace, sid) is None:
            await self.can_disconnect(sid, namespace)
            return
        for room in self.members.remove(namespace, sid):
            self.fanout.member_left(room)

    async def enter_room(self, sid: str, namespace: str, room: Any, eio_sid: str | None = None) -> None:
        """Enter a room; return once Redis has confirmed the subscription."""
        await self.enter_named(sid, namespace, name_of(room))

    async def enter_named(self, sid: str, namespace: str, name: str) -> None:
        """Enter a room by its name (see `room_names`)."""
        if (node := self.messenger.node_of(sid)) is not None:
            await self.messenger.tell(node, Membership(namespace, sid, name, enter=True))
            return
        self._refuse_session_room(namespace, sid, name)
        if name == sid:
            return
        channel = self.fanout.acquire(name)
        try:
            self.members.enter(namespace, sid, name)
            await asyncio.shield(channel.subscribed)
        finally:
            self.fanout.release(name)

    async def leave_room(self, sid: str, namespace: str, room: Any) -> None:
        """Remove a session from a room. If the session is on another node, ask that node."""
        await self.leave_named(sid, namespace, name_of(room))

    async def leave_named(self, sid: str, namespace: str, name: str) -> None:
        """Leave a room by its name (see `room_names`)."""
        if (node := self.messenger.node_of(sid)) is not None:
            await self.messenger.tell(node, Membership(namespace, sid, name, enter=False))
        elif self.members.leave(namespace, sid, name):
            self.fanout.member_left(name)

    async def close_room(self, room: Any, namespace: str) -> None:
        """Make every member leave the room, on all nodes."""
        name = name_of(room)
        self._refuse_session_room(namespace, None, name)
        await self._publish(channels.room_channel(name), pack_close(namespace))

    def _refuse_session_room(self, namespace: str, sid: str | None, room: str) -> None:
        if room != sid and self.members.client(namespace, room) is not None:
            raise ValueError("a room with the id of another session cannot be entered or closed")

    def _close_locally(self, namespace: str, room: str) -> None:
        for sid in list(self.members.room(namespace, room)):
            self.members.leave(namespace, sid, room)
        self.fanout.member_left(room)

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
        """Send an event to a session, to a room, to several rooms (each recipient once), or to the namespace (None).

        `callback` gets the ack of a session, or the first ack of a room's members. Raise ValueError for a callback with
        another target. Also raise it for an empty `to` or `room`: a caller's mistake must not become a broadcast.
        """
        target = to if to is not None else room
        if target is None:
            self._subscribe_namespace(namespace)
        emission = Emission(
            self.members,
            self.messenger,
            publish=self._publish,
            deliver=self.deliver,
            packet_class=codec.packet_class_of(self.server),
        )
        await emission.send(event, data, namespace, target, _as_tuple(skip_sid), callback)

    async def _publish(self, channel: str, data: bytes) -> None:
        """Publish a packet. A process that only publishes needs no `start`: its first packet opens the connections."""
        if not self.backplane.is_started:
            await self.wait_ready()
        await self.backplane.publish(channel, data)

    # --- subscriptions ---

    def subscribe(
        self, channel: str, handler: Callable[[bytes], None], unsealed: Unsealed = refuse_unsealed
    ) -> asyncio.Future[None]:
        """Subscribe to a channel. The returned future is done once Redis has confirmed the subscription.

        `unsealed` chooses the unsealed messages that are accepted, if the cluster has a key.
        """
        return self._handlers.subscribe(channel, handler, unsealed)

    def unsubscribe(self, channel: str) -> None:
        """End the subscription of a channel."""
        self._handlers.unsubscribe(channel)

    def _subscribe_namespace(self, namespace: str) -> None:
        if self.backplane.is_started:
            self._namespaces.follow(namespace)


def _ignore(message: Any) -> None:
    """Ignore a node message."""


def _ignore_note(room: str, note: bytes) -> None:
    """Ignore a note."""


def _ignore_resubscription() -> None:
    """Ignore that channels were subscribed again."""


def _as_tuple(skip_sid: Any) -> tuple[str, ...]:
    if skip_sid is None:
        return ()
    return (skip_sid,) if isinstance(skip_sid, str) else tuple(skip_sid)
