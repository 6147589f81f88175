"""Send and receive node messages, on `node:{N}`: an event for one session, its ack, a disconnect, a membership."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, Protocol

from roomcast.adapter import callbacks, codec
from roomcast.adapter.callbacks import Callback, RemoteCallbacks
from roomcast.adapter.local_members import Client, LocalMembers
from roomcast.adapter.node_messages import Canary, Disconnect, Emit, EmitAck, Membership
from roomcast.wire import channels
from roomcast.wire.envelope import EnvelopeError, Reader, RoomPacket, check_event, pack, pack_question
from roomcast.wire.session_ids import prefix_of

Publish = Callable[[str, bytes], Awaitable[None]]


class LocalNode(Protocol):
    """Carries out the requests of other nodes; see `roomcast.adapter.manager.RedisAdapter`."""

    members: LocalMembers

    def deliver(self, client: Client, packet: bytes, attachments: Sequence[bytes]) -> None:
        """Send a packet to a local client."""
        ...

    async def disconnect_here(self, namespace: str, sid: str) -> None:
        """Disconnect a local client."""
        ...

    async def enter_named(self, sid: str, namespace: str, name: str) -> None:
        """Let a local client enter a room."""
        ...

    async def leave_named(self, sid: str, namespace: str, name: str) -> None:
        """Let a local client leave a room."""
        ...

    def background(self, work: Coroutine[Any, Any, Any], name: str) -> Any:
        """Run work as a background task."""
        ...


class NodeMessenger:
    """Sends and receives the messages of node `node`; `other` gets messages of kinds that the adapter does not know."""

    def __init__(
        self, node: str, here: LocalNode, publish: Publish, other: Callable[[Any], None], reader: Reader
    ) -> None:
        self._node = node
        self._own_prefix = prefix_of(node)
        self._here = here
        self._publish = publish
        self._other = other
        self._reader = reader
        self._remote = RemoteCallbacks()

    def node_of(self, sid: str) -> str | None:
        """Return the node of `sid` if this is a session of another node. Return None for any other text."""
        if not sid.startswith("g") or sid.startswith(self._own_prefix):
            return None
        node, dot, rest = sid[1:].partition(".")
        return node if dot and node and len(rest) >= 20 else None

    # --- out ---

    async def tell(self, node: str, message: Any) -> None:
        """Send a message to a node."""
        await self._publish(channels.node_channel(node), pack(message))

    async def emit(
        self, namespace: str, sid: str, packet: bytes, attachments: Sequence[bytes], callback: Callback | None
    ) -> None:
        """Send an event to a session of another node; `callback` gets its ack."""
        reply_to = self._node if callback else None
        message = Emit(namespace, sid, packet, tuple(attachments), reply_to, self._remote.add(callback))
        await self.tell(self.node_of(sid) or "", message)

    async def ask(
        self,
        channel: str,
        namespace: str,
        skip: tuple[str, ...],
        packet: bytes,
        attachments: Sequence[bytes],
        callback: Callback,
    ) -> None:
        """Send an event to all members of a room, on all nodes; `callback` gets the first ack."""
        question = Emit(namespace, "", packet, tuple(attachments), self._node, self._remote.add(callback))
        await self._publish(channel, pack_question(namespace, question, skip))

    # --- in ---

    def receive_question(self, clients: Iterable[Client], question: RoomPacket) -> None:
        """Send a question to these clients of this node. Raise EnvelopeError for a packet without an event."""
        message = self._reader.unpack(question.body)
        if not isinstance(message, Emit):
            raise EnvelopeError("a question without an event")
        for client in clients:
            self._ask(client, message)

    def receive(self, data: bytes) -> None:
        """Handle a message to this node. Raise EnvelopeError for other data, and for a canary probe."""
        message = self._reader.unpack(data)
        match message:
            case Emit():
                self._deliver(message)
            case EmitAck(number, arguments):
                waiting = self._remote.take(number)
                self._here.background(callbacks.run(waiting, codec.decode_arguments(arguments)), "ack callback")
            case Disconnect(namespace, sid):
                self._here.background(self._here.disconnect_here(namespace, sid), "disconnect")
            case Membership(namespace, sid, room, enter):
                if self._here.members.client(namespace, sid) is not None:
                    change = self._here.enter_named if enter else self._here.leave_named
                    self._here.background(change(sid, namespace, room), "membership")
            case Canary():
                raise EnvelopeError("a canary probe came on the node's channel")
            case _:
                self._other(message)

    def _deliver(self, message: Emit) -> None:
        client = self._here.members.client(message.namespace, message.session)
        if client is not None:
            self._ask(client, message)

    def _ask(self, client: Client, message: Emit) -> None:
        packet = message.packet
        check_event(packet, len(message.attachments))
        if message.reply_to is not None:
            ack_id = callbacks.expect_ack(client, self._forwarder(message.reply_to, message.callback))
            packet = codec.with_ack_id(packet, ack_id or 0)
        self._here.deliver(client, packet, message.attachments)

    def _forwarder(self, node: str, number: int) -> Callback:
        async def forward(*arguments: Any) -> None:
            await self.tell(node, EmitAck(number, codec.encode_arguments(arguments)))

        return forward
