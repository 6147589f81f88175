"""Node messages (events, acks, disconnects and memberships) reach their client. Malformed messages are refused."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any

import pytest

from roomcast.adapter import codec
from roomcast.adapter.callbacks import take_ack
from roomcast.adapter.local_members import Client, LocalMembers
from roomcast.adapter.node_messages import Canary, Disconnect, Emit, EmitAck, Membership, NodeMessage
from roomcast.adapter.node_messenger import NodeMessenger
from roomcast.wire.envelope import EnvelopeError, Reader, pack, pack_question, unpack_room

ELSEWHERE = "g2.aaaaaaaaaaaaaaaaaaaa"


class Here:
    """The local node, which records its calls."""

    def __init__(self) -> None:
        self.members = LocalMembers()
        self.client = Client("g1.aaaaaaaaaaaaaaaaaaaa", "eio", "eio")
        self.members.add("/", self.client)
        self.delivered: list[tuple[str, bytes]] = []
        self.work: list[Coroutine[Any, Any, Any]] = []
        self.done: list[tuple[Any, ...]] = []
        self.published: list[tuple[str, bytes]] = []
        self.others: list[Any] = []
        self.messenger = NodeMessenger("1", self, self.publish, self.others.append, Reader(NodeMessage))

    async def publish(self, channel: str, data: bytes) -> None:
        self.published.append((channel, data))

    def deliver(self, client: Client, packet: bytes, attachments: Sequence[bytes]) -> None:
        self.delivered.append((client.sid, packet))

    async def disconnect_here(self, namespace: str, sid: str) -> None:
        self.done.append(("disconnect", namespace, sid))

    async def enter_named(self, sid: str, namespace: str, name: str) -> None:
        self.done.append(("enter", namespace, sid, name))

    async def leave_named(self, sid: str, namespace: str, name: str) -> None:
        self.done.append(("leave", namespace, sid, name))

    def background(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        self.work.append(work)

    async def run(self) -> None:
        for work in self.work:
            await work
        self.work.clear()


@pytest.mark.parametrize(
    ("sid", "node"),
    [
        (ELSEWHERE, "2"),
        ("g1.aaaaaaaaaaaaaaaaaaaa", None),
        ("room", None),
        ("g2.short", None),
        ("g.aaaaaaaaaaaaaaaaaaaa", None),
    ],
)
def test_a_session_id_names_its_node(sid: str, node: str | None) -> None:
    assert Here().messenger.node_of(sid) == node


async def test_the_ack_of_a_local_client_is_sent_back_to_the_asking_node() -> None:
    here = Here()
    here.messenger.receive(pack(Emit("/", here.client.sid, b'2["q"]', (), "2", 7)))
    assert here.delivered == [(here.client.sid, b'21["q"]')]
    forward = take_ack(here.client, 1)
    assert forward is not None
    await forward({"a": b"\x00"})
    ((channel, data),) = here.published
    assert channel == "node:{2}"
    ack = Reader(NodeMessage).unpack(data)
    assert (ack.callback, codec.decode_arguments(ack.data)) == (7, [{"a": b"\x00"}])


async def test_an_ack_that_arrives_twice_from_another_node_runs_its_callback_once() -> None:
    here = Here()
    answers: list[Any] = []
    await here.messenger.emit("/", ELSEWHERE, b'2["q"]', (), answers.append)
    sent = Reader(NodeMessage).unpack(here.published[0][1])
    for _ in range(2):
        here.messenger.receive(pack(EmitAck(sent.callback, codec.encode_arguments(("yes",)))))
    await here.run()
    assert answers == ["yes"]


async def test_a_question_is_published_to_its_room_and_sent_to_each_local_client() -> None:
    here = Here()
    answers: list[Any] = []
    await here.messenger.ask("room:{r}", "/", ("skipped",), b'2["q"]', (), answers.append)
    ((channel, data),) = here.published
    packet = unpack_room(data)
    assert (channel, packet.skip) == ("room:{r}", ("skipped",))
    here.messenger.receive_question([here.client], packet)
    assert here.delivered == [(here.client.sid, b'21["q"]')]


async def test_disconnects_and_memberships_are_applied_to_local_clients() -> None:
    here = Here()
    sid = here.client.sid
    for message in (
        Disconnect("/", sid),
        Membership("/", sid, "room", enter=True),
        Membership("/", sid, "room", enter=False),
        Membership("/", "unknown", "room", enter=True),
        Emit("/", "unknown", b'2["e"]'),
    ):
        here.messenger.receive(pack(message))
    await here.run()
    assert here.done == [("disconnect", "/", sid), ("enter", "/", sid, "room"), ("leave", "/", sid, "room")]
    assert here.delivered == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01\xff",
        pack(Emit("/", "g1.aaaaaaaaaaaaaaaaaaaa", b"\xff")),
        pack(Emit("/", "g1.aaaaaaaaaaaaaaaaaaaa", b'2["e"]', (b"x",))),
        pack(EmitAck(1, b"\xc1")),
        pack(EmitAck(1, b"\x01")),
        pack(Canary("incarnation", 1)),
    ],
)
def test_malformed_or_unexpected_node_messages_raise_an_envelope_error(data: bytes) -> None:
    here = Here()
    with pytest.raises(EnvelopeError):
        here.messenger.receive(data)
    assert here.delivered == []


def test_a_question_without_an_event_is_refused() -> None:
    here = Here()
    with pytest.raises(EnvelopeError):
        here.messenger.receive_question([here.client], unpack_room(pack_question("/", Disconnect("/", "x"))))
