"""The adapter on three nodes and a real Redis. Two nodes run our Engine.IO server; one runs the stock server (ASGI)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import pytest

from roomcast.adapter import DuplicateNodeError, RedisAdapter
from tests.socketio_nodes import Listener, Node, aiohttp_node, asgi_node, listener
from tests.waiting import until


@pytest.fixture
async def nodes(redis_url: str) -> AsyncIterator[list[Node]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(aiohttp_node(redis_url, "1")),
            await stack.enter_async_context(aiohttp_node(redis_url, "2")),
            await stack.enter_async_context(asgi_node(redis_url, "3")),
        ]


async def settle(nodes: list[Node], *receivers: Listener) -> None:
    """Wait until all packets published so far have arrived: send a last event from each node, and wait for it."""
    for receiver in receivers:
        for node in nodes:
            await node.adapter.emit("settled", node.adapter.node, "/", to=receiver.client.get_sid())
    for receiver in receivers:
        await until(lambda receiver=receiver: receiver.count("settled") == len(nodes), "all packets have arrived")  # type: ignore[misc]
        receiver.heard[:] = [event for event in receiver.heard if event[0] != "settled"]


async def test_all_nodes_deliver_the_events_of_a_room_in_one_order(nodes: list[Node]) -> None:
    async with AsyncExitStack() as stack:
        receivers = [await stack.enter_async_context(listener(node)) for node in nodes]
        for node, receiver in zip(nodes, receivers, strict=True):
            await node.sio.enter_room(receiver.client.get_sid(), "room")
        for number in range(30):
            await nodes[number % 3].sio.emit("count", {"n": number}, room="room")
        heard = [await receiver.wait(30) for receiver in receivers]
        assert sorted(event[1]["n"] for event in heard[0]) == list(range(30))
        assert heard[0] == heard[1] == heard[2]


async def test_session_ids_name_their_node(nodes: list[Node]) -> None:
    for name, node in zip("123", nodes, strict=True):
        async with listener(node) as receiver:
            assert receiver.client.get_sid().startswith(f"g{name}.")


async def test_an_event_to_a_session_on_another_node_reaches_only_that_session(nodes: list[Node]) -> None:
    async with listener(nodes[1]) as receiver, listener(nodes[1]) as other:
        await nodes[0].sio.emit("hello", ("a", 2), to=receiver.client.get_sid())
        assert await receiver.wait(1) == [("hello", "a", 2)]
        await settle(nodes, other)
        assert other.heard == []


async def test_an_ack_returns_from_another_node(nodes: list[Node]) -> None:
    for target in nodes[1:]:
        async with listener(target) as receiver:
            receiver.client.on("question", lambda data: {"answer": data["n"] + 1})
            answer = await nodes[0].sio.call("question", {"n": 41}, to=receiver.client.get_sid(), timeout=20)
            assert answer == {"answer": 42}


async def test_an_event_to_a_namespace_leaves_out_the_skipped_session(nodes: list[Node]) -> None:
    async with listener(nodes[0]) as first, listener(nodes[1]) as second, listener(nodes[2]) as third:
        await nodes[2].sio.emit("all", {"x": 1}, skip_sid=second.client.get_sid())
        assert await first.wait(1) == [("all", {"x": 1})]
        assert await third.wait(1) == [("all", {"x": 1})]
        await settle(nodes, second)
        assert second.heard == []


async def test_an_event_to_several_rooms_reaches_each_session_once(nodes: list[Node]) -> None:
    async with listener(nodes[1]) as both, listener(nodes[1]) as one:
        for room in ("a", "b{c}"):
            await nodes[1].sio.enter_room(both.client.get_sid(), room)
        await nodes[1].sio.enter_room(one.client.get_sid(), "b{c}")
        await nodes[0].sio.emit("rooms", 1, to=["a", "b{c}"])
        await nodes[0].sio.emit("end", 2, to="b{c}")
        assert await both.wait(2) == [("rooms", 1), ("end", 2)]
        assert await one.wait(2) == [("rooms", 1), ("end", 2)]


@pytest.mark.parametrize("target", ["", [], ()])
async def test_an_empty_target_is_refused(nodes: list[Node], target: object) -> None:
    async with listener(nodes[0]) as receiver:
        with pytest.raises(ValueError, match="empty room"):
            await nodes[0].adapter.emit("oops", 1, "/", to=target)
        await settle(nodes, receiver)
        assert receiver.heard == []


async def test_bytes_in_an_event_reach_other_nodes(nodes: list[Node]) -> None:
    async with listener(nodes[1]) as fast, listener(nodes[2]) as stock:
        for node, receiver in ((nodes[1], fast), (nodes[2], stock)):
            await node.sio.enter_room(receiver.client.get_sid(), "bin")
        await nodes[0].sio.emit("bytes", {"a": b"\x00\x01", "b": [b"\xff" * 300]}, room="bin")
        for receiver in (fast, stock):
            assert await receiver.wait(1) == [("bytes", {"a": b"\x00\x01", "b": [b"\xff" * 300]})]


async def test_rooms_of_the_same_name_in_two_namespaces_are_separate(nodes: list[Node]) -> None:
    async with listener(nodes[0]) as plain, listener(nodes[1], "/other") as other:
        await nodes[0].sio.enter_room(plain.client.get_sid(), "same")
        await nodes[1].sio.enter_room(other.client.get_sid("/other"), "same", namespace="/other")
        await nodes[0].sio.emit("x", 1, room="same", namespace="/other")
        assert await other.wait(1) == [("x", 1)]
        await settle(nodes, plain)
        assert plain.heard == []


async def test_a_node_changes_and_closes_the_rooms_of_a_session_on_another_node(nodes: list[Node]) -> None:
    async with listener(nodes[1]) as receiver:
        sid = receiver.client.get_sid()
        await nodes[0].sio.enter_room(sid, "remote")
        await until(lambda: "remote" in nodes[1].sio.rooms(sid), "the session has entered the room")
        await nodes[2].sio.emit("in", 1, room="remote")
        await receiver.wait(1)
        await nodes[0].sio.leave_room(sid, "remote")
        await until(lambda: "remote" not in nodes[1].sio.rooms(sid), "the session has left the room")
        await nodes[1].sio.enter_room(sid, "closing")
        await nodes[0].sio.close_room("closing")
        await until(lambda: "closing" not in nodes[1].sio.rooms(sid), "the room is closed")
        await nodes[0].sio.emit("late", 1, room=["remote", "closing"])
        await settle(nodes, receiver)
        assert receiver.heard == [("in", 1)]


async def test_a_node_disconnects_a_session_of_another_node(nodes: list[Node]) -> None:
    for target in nodes[1:]:
        async with listener(target) as receiver:
            await nodes[0].sio.disconnect(receiver.client.get_sid())
            await until(lambda receiver=receiver: not receiver.client.connected, "the session is disconnected")  # type: ignore[misc]


async def test_a_room_without_local_members_is_unsubscribed(redis_url: str) -> None:
    async with aiohttp_node(redis_url, "1", linger_seconds=0.05) as node, listener(node) as receiver:
        await node.sio.enter_room(receiver.client.get_sid(), "short")
        assert node.adapter.fanout.rooms == 1
        await node.sio.leave_room(receiver.client.get_sid(), "short")
        await until(lambda: node.adapter.fanout.rooms == 0, "no room is subscribed")
        await node.sio.enter_room(receiver.client.get_sid(), "short")
        await node.sio.emit("again", 1, room="short")
        assert await receiver.wait(1) == [("again", 1)]


async def test_an_adapter_without_a_server_publishes_events(nodes: list[Node], redis_url: str) -> None:
    publisher = RedisAdapter(redis_url, node="cron")
    try:
        async with listener(nodes[0]) as receiver:
            await nodes[0].sio.enter_room(receiver.client.get_sid(), "news")
            await publisher.emit("headline", {"t": "x"}, "/", room="news")
            await publisher.emit("alone", 7, "/", to=receiver.client.get_sid())
            assert await receiver.wait(2) == [("headline", {"t": "x"}), ("alone", 7)]
    finally:
        await publisher.close()


async def test_a_node_subscribes_again_after_a_lost_pubsub_connection(nodes: list[Node], redis_port: int) -> None:
    import redis

    async with listener(nodes[0]) as receiver:
        await nodes[0].sio.enter_room(receiver.client.get_sid(), "room")
        with redis.Redis(port=redis_port) as admin:
            admin.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        await until(lambda: nodes[0].adapter.backplane.reconnects == 1, "the node has a new connection")
        await until(lambda: all(node.adapter.is_ready for node in nodes), "all nodes are ready")
        await nodes[1].sio.emit("after", 1, room="room")
        assert await receiver.wait(1) == [("after", 1)]


@pytest.mark.parametrize("room", [42, 0, -1.5, UUID(int=7), True], ids=repr)
async def test_room_names_may_have_any_type_that_the_stock_manager_accepts(nodes: list[Node], room: Any) -> None:
    async with listener(nodes[1]) as receiver, listener(nodes[2]) as stock:
        for node, one in ((nodes[1], receiver), (nodes[2], stock)):
            await node.sio.enter_room(one.client.get_sid(), room)
            assert room in node.sio.rooms(one.client.get_sid())
        await nodes[0].sio.emit("to", 1, room=room)
        await nodes[0].sio.emit("to", 2, room=[room, "other"])
        await nodes[0].sio.emit("text", 3, room=str(room))
        await nodes[0].sio.leave_room(stock.client.get_sid(), room)
        await until(lambda: room not in nodes[2].sio.rooms(stock.client.get_sid()), "the session has left the room")
        await nodes[2].sio.close_room(room)
        await until(lambda: room not in nodes[1].sio.rooms(receiver.client.get_sid()), "the room is closed")
        await settle(nodes, receiver, stock)
        assert receiver.heard == stock.heard == [("to", 1), ("to", 2)]


async def test_a_session_in_several_target_rooms_gets_an_event_once(nodes: list[Node]) -> None:
    async with listener(nodes[0]) as here, listener(nodes[1]) as there:
        for node, receiver in ((nodes[0], here), (nodes[1], there)):
            await node.sio.enter_room(receiver.client.get_sid(), "room")
        await nodes[0].sio.emit("one", 1, to=[here.client.get_sid(), there.client.get_sid(), "room"])
        await nodes[0].sio.emit("two", 2, to=[there.client.get_sid()])
        await settle(nodes, here, there)
        assert here.heard == [("one", 1)]
        assert there.heard == [("one", 1), ("two", 2)]


async def test_the_first_ack_of_a_room_goes_to_the_callback(nodes: list[Node]) -> None:
    for target in nodes:
        async with listener(target) as receiver:
            await target.sio.enter_room(receiver.client.get_sid(), "of one")
            receiver.client.on("question", lambda data: ({"answer": data["n"] + 1}, b"\x00\xff"))
            for asker in nodes:
                acks: list[tuple[Any, ...]] = []
                await asker.sio.emit("question", {"n": 41}, to="of one", callback=lambda *got: acks.append(got))  # noqa: B023
                await until(lambda: acks, "the ack")  # noqa: B023
                assert acks == [({"answer": 42}, b"\x00\xff")]


async def test_an_event_with_a_callback_to_several_members_returns_one_ack(nodes: list[Node]) -> None:
    async with AsyncExitStack() as stack:
        receivers = [await stack.enter_async_context(listener(node)) for node in nodes]
        for node, receiver in zip(nodes, receivers, strict=True):
            await node.sio.enter_room(receiver.client.get_sid(), "all")
            receiver.client.on("question", lambda: "here")
        acks: list[Any] = []
        await nodes[0].sio.emit("question", to="all", callback=acks.append)
        await until(lambda: acks, "an ack")
        for receiver in receivers:  # these acks come after all acks of the first question
            assert await nodes[0].sio.call("question", to=receiver.client.get_sid(), timeout=20) == "here"
        assert acks == ["here"]
        assert await nodes[0].sio.call("question", to="all", timeout=20) == "here"


@pytest.mark.parametrize("target", [None, ["a", "b"]])
async def test_a_callback_for_no_target_or_for_several_targets_is_refused(nodes: list[Node], target: Any) -> None:
    with pytest.raises(ValueError, match="one session or one room"):
        await nodes[0].sio.emit("question", to=target, callback=print)


async def test_bytes_in_an_ack_return_from_another_node(nodes: list[Node]) -> None:
    for target in nodes[1:]:
        async with listener(target) as receiver:
            receiver.client.on("question", lambda: {"file": b"\x00\x01", "list": [b"", 1.5, None, "é"]})
            answer = await nodes[0].sio.call("question", to=receiver.client.get_sid(), timeout=20)
            assert answer == {"file": b"\x00\x01", "list": [b"", 1.5, None, "é"]}


async def test_a_second_process_with_the_same_node_name_refuses_to_start(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with aiohttp_node(redis_url, "same") as first, listener(first) as receiver:
        second = RedisAdapter(redis_url, node="same")
        try:
            with pytest.raises(DuplicateNodeError, match="another process has the node name same"):
                await second.wait_ready()
            assert not second.is_ready
            assert await second.pre_connect("eio", "/") is None
            assert [record.levelname for record in caplog.records if "node name" in record.getMessage()] == ["ERROR"]
            assert first.adapter.is_ready
            await first.sio.emit("still", 1, to=receiver.client.get_sid())
            assert await receiver.wait(1) == [("still", 1)]
        finally:
            await second.close()
        third = RedisAdapter(redis_url, node="other")
        await third.wait_ready()
        await third.close()


async def test_a_node_name_is_free_again_when_its_process_has_ended(redis_url: str) -> None:
    for _ in range(3):
        async with aiohttp_node(redis_url, "same") as node:
            assert node.adapter.is_ready


async def test_without_a_node_name_each_process_gets_a_name_of_its_own(redis_url: str) -> None:
    adapters = [RedisAdapter(redis_url) for _ in range(3)]
    for adapter in adapters:
        await adapter.wait_ready()
    assert len({adapter.node for adapter in adapters}) == 3
    for adapter in adapters:
        await adapter.close()


@pytest.mark.parametrize("node", ["", "a" * 17, "a.b", "é", "{1}"])
def test_a_node_name_that_does_not_fit_into_a_session_id_is_refused(node: str) -> None:
    with pytest.raises(ValueError, match="a node name has 1 to 16 characters"):
        RedisAdapter("redis://localhost", node=node)
