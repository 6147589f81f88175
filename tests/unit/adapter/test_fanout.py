"""The fan-out sends each packet to the right local members. It subscribes to rooms with members.

A caller that needs the subscription before a member has joined calls `acquire`, and `release` at the end.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from roomcast.adapter.fanout import Fanout, skip_members_of
from roomcast.adapter.local_members import Client, LocalMembers
from roomcast.adapter.node_messages import Emit
from roomcast.wire.envelope import pack_close, pack_event, pack_note, pack_question
from tests.unit.adapter.fakes import EPOCH, Count, FakeBackplane, FakeDelivery, FakeLog, channel, logged
from tests.waiting import until


class Rig:
    """A fan-out over fakes. `handled` lists the calls of its handlers."""

    def __init__(self, linger_seconds: float = 0.0) -> None:
        self.handled: list[tuple[Any, ...]] = []
        self.members = LocalMembers(lambda room: self.fanout.members_changed(room))
        self.backplane = FakeBackplane()
        self.delivery = FakeDelivery()
        self.fanout = Fanout(
            self.backplane,
            self.members,
            Count(),
            linger_seconds=linger_seconds,
            close_room=lambda namespace, room: self.handled.append(("close", namespace, room)),
            on_note=lambda room, note: self.handled.append(("note", room, note)),
            on_question=lambda clients, question: self.handled.append(("ask", [c.sid for c in clients])),
            on_other=lambda name, data, is_trusted: self.handled.append(("other", name, data)),
        )
        self.fanout.use_delivery(self.delivery)

    def join(self, sid: str, *rooms: str, namespace: str = "/") -> None:
        if self.members.client(namespace, sid) is None:
            self.members.add(namespace, Client(sid, f"eio-{namespace}-{sid}", sid))
        for room in rooms:
            self.fanout.acquire(room)
            self.members.enter(namespace, sid, room)
            self.fanout.release(room)

    def leave(self, sid: str, room: str) -> None:
        self.members.leave("/", sid, room)
        self.fanout.member_left(room)


async def test_an_event_reaches_the_members_of_its_room_and_namespace() -> None:
    rig = Rig()
    rig.join("a", "room")
    rig.join("b", "room", "other")
    rig.join("c", "room", namespace="/x")
    rig.fanout.receive(channel("room"), pack_event("/", b'2["e"]'))
    rig.fanout.receive(channel("other"), pack_event("/", b'2["f"]'))
    assert rig.delivery.sent == [(["a", "b"], b'2["e"]'), (["b"], b'2["f"]')]


@pytest.mark.parametrize(
    ("skip", "left"), [((), ["a", "b", "c"]), (("b",), ["a", "c"]), ((skip_members_of("ot=,her"), "c"), ["b"])]
)
async def test_the_skip_list_names_sessions_and_rooms(skip: tuple[str, ...], left: list[str]) -> None:
    rig = Rig()
    rig.join("a", "room", "ot=,her")
    rig.join("b", "room")
    rig.join("c", "room")
    rig.fanout.receive(channel("room"), pack_event("/", b'2["e"]', skip))
    assert rig.delivery.sent == [(left, b'2["e"]')]


async def test_no_packet_is_sent_if_all_members_are_skipped() -> None:
    rig = Rig()
    rig.join("a", "room")
    rig.fanout.receive(channel("room"), pack_event("/", b'2["e"]', ("a",)))
    assert rig.delivery.sent == []


async def test_the_attachments_of_a_packet_are_split_from_its_text() -> None:
    rig = Rig()
    rig.join("a", "room")
    rig.fanout.receive(channel("room"), pack_event("/", b'51-["e"]', (), (b"x",)))
    assert rig.delivery.sent == [(["a"], b'51-["e"]')]
    assert rig.delivery.attachments == [[b"x"]]


async def test_each_kind_of_packet_goes_to_its_handler() -> None:
    rig = Rig()
    rig.join("a", "room")
    rig.join("b", "room")
    question = Emit("/", "", b'2["q"]', (), "2", 7)
    for data in (pack_close("/x"), pack_note("/", question), pack_question("/", question, ("b",))):
        rig.fanout.receive(channel("room"), data)
    rig.fanout.receive(b"elsewhere", b"data")
    assert [name for name, *_ in rig.handled] == ["close", "note", "ask", "other"]
    assert rig.handled[0] == ("close", "/x", "room")
    assert rig.handled[2] == ("ask", ["a"])


async def test_an_error_in_the_delivery_is_logged_once_and_does_not_reach_the_caller(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig()
    rig.join("a", "room")
    monkeypatch.setattr(rig.delivery, "send", lambda *_: 1 / 0)
    for _ in range(3):
        rig.fanout.receive(channel("room"), pack_event("/", b'2["e"]'))
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "ZeroDivisionError" in caplog.text


async def test_a_room_is_subscribed_until_its_last_member_has_left() -> None:
    rig = Rig()
    rig.join("a", "room")
    rig.join("b", "room")
    assert set(rig.backplane.subscribed) == {"room:{room}"}
    rig.leave("a", "room")
    await asyncio.sleep(0.01)  # the linger time is zero, so the timer of an unsubscription would have fired
    assert rig.backplane.unsubscribed == []
    rig.leave("b", "room")
    await until(lambda: rig.backplane.unsubscribed == ["room:{room}"], "the room is unsubscribed")
    assert rig.fanout.rooms == 0


async def test_a_room_stays_subscribed_for_a_client_that_returns_in_time() -> None:
    rig = Rig(linger_seconds=0.05)
    rig.join("a", "room")
    rig.leave("a", "room")
    rig.join("a", "room")
    await asyncio.sleep(0.1)
    assert rig.backplane.unsubscribed == []
    rig.fanout.receive(channel("room"), pack_event("/", b'2["e"]'))
    assert rig.delivery.sent == [(["a"], b'2["e"]')]


async def test_an_acquired_room_stays_subscribed_without_members() -> None:
    rig = Rig()
    rig.fanout.acquire("room")
    rig.fanout.acquire("room")
    rig.fanout.release("room")
    await asyncio.sleep(0.01)
    assert rig.backplane.unsubscribed == []
    rig.fanout.release("room")
    await until(lambda: rig.backplane.unsubscribed == ["room:{room}"], "the room is unsubscribed")


async def test_a_member_does_not_get_messages_that_its_join_has_already_returned() -> None:
    rig = Rig()
    log = FakeLog()
    rig.fanout.use_log(log)
    rig.join("old", "room")
    rig.members.add("/", Client("new", "eio-new", "new"))
    log.append("room", 3)
    rig.fanout.acquire("room")
    assert rig.fanout.admit("/", "old", "room", EPOCH, 1)
    assert rig.fanout.admit("/", "new", "room", EPOCH, 3)
    for seq in (2, 3, 4):
        rig.fanout.receive(channel("room"), logged(seq))
    assert [sids for sids, _ in rig.delivery.sent] == [["old"], ["old"], ["old", "new"]]
    assert not rig.fanout.admit("/", "late", "room", EPOCH, 3)
    await rig.fanout.close()


async def test_without_a_log_all_packets_are_delivered_as_they_arrive() -> None:
    """Without a log, positions cannot be checked. A packet with a forged position must not block later packets."""
    rig = Rig()
    rig.join("a", "room")
    for seq in (5, 2**63, 6, 7):
        rig.fanout.receive(channel("room"), logged(seq))
    assert len(rig.delivery.sent) == 4
