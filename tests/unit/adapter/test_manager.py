"""The adapter as python-socketio's client manager, with fakes for Redis and the server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from roomcast.adapter import DuplicateNodeError, RedisAdapter, manager, node_identity
from roomcast.adapter.node_messages import Canary, Emit, Membership, NodeMessage
from roomcast.adapter.redis import canary
from roomcast.adapter.redis.connection import NotConnected
from roomcast.wire import channels
from roomcast.wire.envelope import KIND_BINARY, KIND_CLOSE, KIND_EVENT, KIND_QUESTION, Reader, pack, unpack_room
from tests.unit.adapter.fakes import FakeBackplane
from tests.waiting import until

ELSEWHERE = "gother.aaaaaaaaaaaaaaaaaaaa"


class Redis(FakeBackplane):
    """A Redis in memory. A packet that is published on a subscribed channel arrives at once."""

    def __init__(self) -> None:
        super().__init__()
        self.is_started = False
        self.is_up = False
        self.published: list[tuple[str, bytes]] = []
        self.error: Exception | None = None
        self._on_message: Callable[[bytes, bytes], None] = lambda channel, data: None

    def start(self, on_message: Callable[[bytes, bytes], None], on_resubscribed: Any) -> None:
        self.is_started = self.is_up = True
        self._on_message = on_message

    async def wait_up(self, seconds: float) -> None:
        assert self.is_started

    def canary_channels(self, node: str) -> list[str]:
        return [channels.node_channel(f"{node}.0")]

    async def publish(self, channel: str, data: bytes) -> int:
        if self.error is not None:
            raise self.error
        if ".0}" not in channel:
            self.published.append((channel, data))
        if channel in self.subscribed:
            self._on_message(channel.encode(), data)
        return 1

    def reopen_subscriptions(self, channel: str) -> None:
        """Do nothing: no subscription is deaf."""

    def report_missed(self, channel: str) -> None:
        """Do nothing: no canary is missed."""

    async def close(self) -> None:
        self.is_up = False


class Eio:
    """An Engine.IO server that does nothing."""


class Server:
    """A python-socketio server that records the packets sent to its sessions."""

    def __init__(self) -> None:
        import socketio

        self.eio = Eio()
        self.packet_class = socketio.packet.Packet
        self.sent: list[tuple[str, Any]] = []
        self.disconnected: list[str] = []

    async def _send_eio_packet(self, eio_sid: str, packet: Any) -> None:
        self.sent.append((eio_sid, packet.data))

    async def disconnect(self, sid: str, namespace: str) -> None:
        self.disconnected.append(sid)


class Rig:
    """An adapter of node `1` over fakes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, node: str | None = "1", **options: Any) -> None:
        monkeypatch.setattr(manager, "make_backplane", lambda url, **_: Redis())
        monkeypatch.setattr(canary, "CLAIM_SECONDS", 0.0)
        self.adapter: Any = RedisAdapter("redis://fake", node=node, **options)
        self.redis: Any = self.adapter.backplane
        self.server = Server()
        self.adapter.set_server(self.server)

    async def connect(self, eio_sid: str = "eio", namespace: str = "/") -> str:
        sid = await self.adapter.pre_connect(eio_sid, namespace)
        assert sid is not None
        assert await self.adapter.connect(sid, namespace) == sid
        return str(sid)

    def kinds(self) -> list[tuple[str, int]]:
        return [(channel, unpack_room(data).kind) for channel, data in self.redis.published]


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    made = Rig(monkeypatch)
    await made.adapter.wait_ready()
    yield made
    await made.adapter.close()


async def test_each_kind_of_target_has_its_channel(rig: Rig) -> None:
    for target in (None, "room", ["a", "b", "a"], 42):
        await rig.adapter.emit("e", 1, "/", room=target)
    assert rig.kinds() == [
        ("namespace:{/}", KIND_EVENT),
        ("room:{room}", KIND_EVENT),
        ("room:{a}", KIND_EVENT),
        ("room:{b}", KIND_EVENT),
        ("room:{%00i42}", KIND_EVENT),
    ]
    assert unpack_room(rig.redis.published[3][1]).skip == ("=a",)


@pytest.mark.parametrize("target", ["", [], ()])
async def test_an_empty_target_is_refused(rig: Rig, target: Any) -> None:
    with pytest.raises(ValueError, match="addresses no client"):
        await rig.adapter.emit("e", 1, "/", room=target)


async def test_events_with_bytes_and_with_callbacks_have_their_own_kinds(rig: Rig) -> None:
    await rig.adapter.emit("e", b"\x00", "/", room="room")
    await rig.adapter.emit("e", 1, "/", room="room", callback=print)
    assert [kind for _, kind in rig.kinds()] == [KIND_BINARY, KIND_QUESTION]


async def test_an_event_for_a_remote_session_goes_to_its_node(rig: Rig) -> None:
    sid = await rig.connect()
    await rig.adapter.emit("e", 1, "/", to=[sid, ELSEWHERE], skip_sid=["unknown"])
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert rig.server.sent == [("eio", '2["e",1]')]
    ((channel, data),) = rig.redis.published
    assert channel == "node:{other}"
    assert Reader(NodeMessage).unpack(data) == Emit("/", ELSEWHERE, b'2["e",1]')


async def test_a_skipped_session_gets_no_event(rig: Rig) -> None:
    sid = await rig.connect()
    await rig.adapter.emit("skipped", 1, "/", to=sid, skip_sid=sid)
    await rig.adapter.emit("e", 1, "/", to=sid)
    await until(lambda: rig.server.sent, "the second event is sent")
    assert rig.server.sent == [("eio", '2["e",1]')]
    assert rig.redis.published == []


async def test_rooms_are_entered_left_closed_and_listed(rig: Rig) -> None:
    sid = await rig.connect()
    for room in ("room", 42):
        await rig.adapter.enter_room(sid, "/", room)
    assert sorted(map(str, rig.adapter.get_rooms(sid, "/"))) == sorted(["42", sid, "room"])
    assert list(rig.adapter.get_participants("/", 42)) == [(sid, "eio")]
    assert list(rig.adapter.get_participants("/", ["room", 42])) == [(sid, "eio")]
    await rig.adapter.leave_room(sid, "/", "room")
    await rig.adapter.close_room(42, "/")
    assert rig.adapter.get_rooms(sid, "/") == [sid]
    assert rig.kinds() == [("room:{%00i42}", KIND_CLOSE)]


async def test_a_remote_session_enters_a_room_through_its_node(rig: Rig) -> None:
    await rig.adapter.enter_room(ELSEWHERE, "/", 42)
    ((channel, data),) = rig.redis.published
    assert channel == "node:{other}"
    assert Reader(NodeMessage).unpack(data) == Membership("/", ELSEWHERE, "\0i42", enter=True)


async def test_the_own_room_of_another_session_can_be_neither_entered_nor_closed(rig: Rig) -> None:
    one, two = await rig.connect("eio1"), await rig.connect("eio2")
    await rig.adapter.enter_room(one, "/", one)
    for change in (rig.adapter.enter_room(one, "/", two), rig.adapter.close_room(two, "/")):
        with pytest.raises(ValueError, match="id of another session"):
            await change


async def test_a_client_is_pre_connected_then_connected_then_disconnected(rig: Rig) -> None:
    adapter = rig.adapter
    sid = await adapter.pre_connect("eio", "/")
    assert adapter.is_pre_connected(sid, "/")
    assert await adapter.pre_connect("eio", "/") is None
    await adapter.connect(sid, "/")
    assert adapter.is_connected(sid, "/")
    assert (adapter.sid_from_eio_sid("eio", "/"), adapter.eio_sid_from_sid(sid, "/")) == (sid, "eio")
    assert list(adapter.get_namespaces()) == ["/"]
    assert adapter.pre_disconnect(sid, "/") == "eio"
    assert not adapter.is_connected(sid, "/")
    await adapter.disconnect(sid, "/", ignore_queue=True)
    assert adapter.get_rooms(sid, "/") == []


async def test_connect_without_pre_connect_connects_at_once(rig: Rig) -> None:
    sid = await rig.adapter.connect("eio", "/")
    assert rig.adapter.is_connected(sid, "/")


async def test_an_ack_runs_its_callback_once(rig: Rig) -> None:
    sid = await rig.connect()
    acks: list[Any] = []
    await rig.adapter.emit("e", None, "/", to=sid, callback=lambda *got: acks.append(got))
    for _ in range(2):
        await rig.adapter.trigger_callback(sid, 1, ["a", 2])
    assert acks == [("a", 2)]


async def test_emit_raises_not_connected_without_redis(rig: Rig) -> None:
    rig.redis.error = NotConnected("away")
    with pytest.raises(NotConnected):
        await rig.adapter.emit("e", 1, "/", room="room")


async def test_a_process_is_refused_if_an_older_process_has_its_node_name(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig(monkeypatch)
    rig.adapter.start()
    await rig.adapter.canary.publish_all()
    older = pack(Canary("another", 100, 1.0))
    for _ in range(2):
        await rig.redis.publish("node:{1.0}", older)
    with pytest.raises(DuplicateNodeError, match="node name 1"):
        await rig.adapter.wait_ready()
    assert not rig.adapter.is_ready
    assert await rig.adapter.pre_connect("eio", "/") is None
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    await rig.adapter.close()


async def test_a_process_is_ready_once_the_older_process_with_its_node_name_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(node_identity, "DEAF_SECONDS", 0.05)
    rig = Rig(monkeypatch)
    await rig.adapter.wait_ready()
    await rig.redis.publish("node:{1.0}", pack(Canary("another", 100, 1.0)))
    assert not rig.adapter.is_ready
    await until(lambda: rig.adapter.is_ready, "the adapter is ready again")
    assert await rig.adapter.pre_connect("eio", "/") is not None
    await rig.adapter.close()


async def test_a_leased_node_name_is_not_checked_by_canaries(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch, is_node_leased=True)
    await rig.adapter.wait_ready()
    await rig.redis.publish("node:{1.0}", pack(Canary("another", 100, 1.0)))
    assert rig.adapter.is_ready
    await rig.adapter.close()


async def test_a_process_stays_ready_if_a_younger_process_has_its_node_name(rig: Rig) -> None:
    await rig.redis.publish("node:{1.0}", pack(Canary("another", 1, 1e12)))
    assert rig.adapter.is_ready
    assert await rig.adapter.pre_connect("eio", "/") is not None


async def test_a_forked_process_gets_its_own_node_name(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch, node=None)
    before = (rig.adapter.node, rig.adapter.incarnation)
    monkeypatch.setattr("os.getpid", lambda: -1)
    rig.adapter.start()
    assert (rig.adapter.node, rig.adapter.incarnation) != before
    assert await rig.connect() != ""
    await rig.adapter.close()
