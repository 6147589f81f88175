"""With a cluster key, a node delivers sealed packets, and reads unsealed messages from the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from roomcast.adapter import unsealed_messages
from roomcast.adapter.fanout import Fanout
from roomcast.adapter.local_members import Client, LocalMembers
from roomcast.adapter.node_messages import Emit
from roomcast.adapter.redis.channel_handlers import ChannelHandlers, refuse_unsealed, take_unsealed
from roomcast.wire.envelope import (
    note_head,
    pack,
    pack_close,
    pack_event,
    pack_note,
    pack_question,
)
from roomcast.wire.seals import ForgedError, Seals
from tests.unit.adapter.fakes import AWAY, EPOCH, Count, FakeBackplane, FakeDelivery, FakeLog, channel, logged
from tests.waiting import until

KEY, OTHER_KEY = "the key of the cluster, 32 bytes or so", "the key of another cluster, 32 bytes or so"
SEALS = Seals([KEY])
QUESTION = Emit("/", "", b'2["q"]', (), "2", 7)
ROOM = channel("room").decode()


class Rig:
    """A fan-out with a key. One member is in `room`, at seq 1. `handled` names the handlers that were called."""

    def __init__(self) -> None:
        self.handled: list[str] = []
        self.log = FakeLog()
        self.count = Count()
        self.delivery = FakeDelivery()
        self.members = LocalMembers(lambda room: self.fanout.members_changed(room))
        self.fanout = Fanout(
            FakeBackplane(),
            self.members,
            self.count,
            close_room=lambda namespace, room: self.handled.append("close"),
            on_note=lambda room, note: self.handled.append("note"),
            on_question=lambda clients, question: self.handled.append("question"),
            seals=SEALS,
            unsealed_event=lambda packet: packet.startswith(b'2["allowed"'),
        )
        self.fanout.use_log(self.log)
        self.fanout.use_delivery(self.delivery)
        self.members.add("/", Client("sid", "eio", "eio"))
        self.room = self.fanout.acquire("room")
        self.log.append("room")
        assert self.fanout.admit("/", "sid", "room", EPOCH, 1)

    def receive(self, data: bytes) -> None:
        self.fanout.receive(channel("room"), data)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    yield made
    await made.fanout.close()


Sender = Callable[[bytes], bytes]
FORGERS: dict[str, Sender] = {
    "no seal": lambda data: data,
    "another key": lambda data: Seals([OTHER_KEY]).seal(ROOM, data),
    "another room": lambda data: SEALS.seal(channel("other").decode(), data),
    "truncated": lambda data: SEALS.seal(ROOM, data)[:-1],
}


@pytest.mark.parametrize("forge", FORGERS.values(), ids=FORGERS)
@pytest.mark.parametrize(
    "data",
    [
        pack_event("/", b'2["message",{"text":"never logged"}]'),
        pack_event("/", b'51-["e"]', (), (b"x",)),
        pack_close("/"),
        pack_note("/", QUESTION),
        pack_question("/", QUESTION),
    ],
    ids=["event", "binary", "close", "note", "question"],
)
async def test_a_forged_packet_of_each_kind_has_no_effect(
    rig: Rig, forge: Sender, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        rig.receive(forge(data))
    assert rig.handled == []
    assert rig.delivery.sent == []
    assert rig.count.forgeries == 3
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


async def test_sealed_packets_of_each_kind_are_delivered(rig: Rig) -> None:
    for data in (pack_close("/"), pack_note("/", QUESTION), pack_question("/", QUESTION), pack_event("/", b'2["e"]')):
        rig.receive(SEALS.seal(ROOM, data))
    assert rig.handled == ["close", "note", "question"]
    assert rig.delivery.packets == [b'2["e"]']
    assert rig.count.forgeries == 0


async def test_script_packets_with_the_publisher_token_are_delivered(rig: Rig) -> None:
    rig.receive(logged(2, token=SEALS.publisher_token))
    rig.receive(note_head("/", SEALS.publisher_token) + b"\x91\x01")
    assert rig.delivery.packets == [b'2["message",2]']
    assert rig.handled == ["note"]
    assert rig.log.reads == 0


async def test_an_event_with_the_publisher_token_is_refused(rig: Rig) -> None:
    """The token is valid only in packets of scripts. A process that has seen the token cannot send events with it."""
    rig.receive(pack_event("/", b'2["e"]', SEALS.publisher_token))
    assert (rig.delivery.sent, rig.count.forgeries) == ([], 1)


async def test_an_event_that_every_back_end_may_send_is_delivered(rig: Rig) -> None:
    rig.receive(pack_event("/", b'2["allowed",1]'))
    assert rig.delivery.packets == [b'2["allowed",1]']


async def test_a_message_without_the_token_is_read_from_the_log(rig: Rig) -> None:
    rig.log.append("room", 2)
    for seq in (2, 3):
        rig.receive(logged(seq).replace(b"message", b"forgery"))
    await until(lambda: len(rig.delivery.sent) == 2, "the log is delivered")
    assert rig.delivery.packets == [b'2["message",2]', b'2["message",3]']
    assert rig.count.gaps == []
    assert rig.room.backlog is None


@pytest.mark.parametrize("seq", [1, 2, 3, 2**62])
@pytest.mark.parametrize("epoch", [EPOCH, b"f" * 16])
async def test_an_unsealed_message_that_is_not_in_the_log_is_not_delivered(rig: Rig, seq: int, epoch: bytes) -> None:
    rig.receive(logged(seq, epoch))
    await until(lambda: rig.log.reads == 1, "the log is read")
    await asyncio.sleep(0)
    rig.receive(logged(2, token=SEALS.publisher_token))
    assert rig.delivery.packets == [b'2["message",2]']
    assert rig.count.resyncs == 0


async def test_unsealed_messages_within_a_short_time_share_one_read_of_the_log(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unsealed_messages, "GATHER_SECONDS", 0.05)
    for _ in range(500):
        rig.receive(logged(7))
    await until(lambda: rig.log.reads > 0, "the log is read")
    assert rig.log.reads == 1


async def test_an_unsealed_message_is_delivered_once_redis_answers_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unsealed_messages, "_RETRY_SECONDS", (0.01, 0.02))
    rig.log.error = AWAY
    rig.log.append("room")
    rig.receive(logged(2))
    await until(lambda: rig.log.reads > 1, "the log is read again")
    rig.log.error = None
    await until(lambda: rig.delivery.packets == [b'2["message",2]'], "the message is delivered")


async def test_an_unsealed_message_during_a_join_is_delivered_after_the_join(rig: Rig) -> None:
    """The member joins with a page that is older than the message, and is admitted after the packet has arrived."""
    rig.log.append("new")
    rig.fanout.acquire("new")
    rig.log.append("new")
    rig.fanout.receive(channel("new"), logged(2))
    await asyncio.sleep(2 * unsealed_messages.GATHER_SECONDS)
    assert rig.fanout.admit("/", "sid", "new", EPOCH, 1)
    await until(lambda: rig.delivery.packets == [b'2["message",2]'], "the message is delivered")


@pytest.mark.parametrize(
    ("is_trusted", "unsealed", "is_taken"),
    [
        (True, refuse_unsealed, True),
        (False, refuse_unsealed, False),
        (False, take_unsealed, True),
        (False, lambda data: data == pack(QUESTION), True),
    ],
)
async def test_handlers_of_other_channels_decide_about_unsealed_packets(
    is_trusted: bool, unsealed: Any, is_taken: bool
) -> None:
    received: list[bytes] = []
    handlers = ChannelHandlers(FakeBackplane())
    await handlers.subscribe("user:{ada}", received.append, unsealed)
    try:
        handlers.receive(b"user:{ada}", pack(QUESTION), is_trusted)
    except ForgedError:
        assert not is_taken
    assert received == ([pack(QUESTION)] if is_taken else [])
