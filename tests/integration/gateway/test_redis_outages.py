"""Gateways whose Redis is paused, killed, emptied or cut off: no call hangs, and every loss is announced."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from roomcast.contract import keys
from tests.gateways import Client, Clients, Gateway, gateway, gateways, raw, store, token
from tests.own_redis import OwnRedis
from tests.waiting import until

NACKED_WITHIN = 2.0
"""Time limit for the negative ack of a send, in seconds."""
BACK_WITHIN = 5.0
"""Time within which the gateways must be ready again, in seconds."""
ROOM = "public:talk"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    redis = OwnRedis(tmp_path_factory.mktemp("own-redis"))
    yield redis
    redis.end()


@pytest.fixture(scope="module")
def both(own: OwnRedis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Gateway]]:
    with gateways(tmp_path_factory.mktemp("gateways"), own.url, 2) as running:
        yield running


async def two(both: list[Gateway], clients: Clients, room: str) -> tuple[Client, Client]:
    """Return a writer on one gateway and a reader on the other, both in the room."""
    ada, bob = await clients(both[0], "ada"), await clients(both[1], "bob")
    for who in (ada, bob):
        await who.join(room)
    return ada, bob


async def are_ready(both: list[Gateway]) -> None:
    await until(lambda: all(running.is_ready for running in both), "the gateways are ready again", BACK_WITHIN)


async def send_until_acked(client: Client, room: str, text: str) -> dict[str, Any]:
    """Send a message under the same id until it is acked, as clients do."""

    async def is_acked() -> dict[str, Any] | None:
        answer = await client.call("message:send", {"room": room, "id": text, "text": text})
        return answer if answer["ok"] else None

    acked: dict[str, Any] = await until(is_acked, f"ack of {text}", 10.0)
    return acked


async def nack(client: Client, room: str, text: str) -> dict[str, Any]:
    """Send a message; check that it is refused in time, and return the error."""
    started = time.monotonic()
    answer = await client.call("message:send", {"room": room, "id": text, "text": text})
    assert time.monotonic() - started < NACKED_WITHIN
    assert answer["ok"] is False, answer
    error: dict[str, Any] = answer["error"]
    assert error["retryable"] is True
    return error


async def outage(ada: Client, both: list[Gateway], room: str) -> None:
    """Check the answers of the gateways while Redis is away."""
    assert (await nack(ada, room, "during-0"))["reason"] in ("outcome_unknown", "unavailable")
    await until(lambda: not any(running.is_ready for running in both), "not ready", NACKED_WITHIN + 1.0)
    assert (await nack(ada, room, "during-1"))["reason"] in ("outcome_unknown", "unavailable")
    for event, payload in (
        ("room:join", {"room": "public:another"}),
        ("message:history", {"room": room}),
        ("room:list", {}),
        ("presence:query", {"users": ["bob"]}),
        ("receipt:read", {"room": room, "seq": 1}),
        ("media:sign", {"room": room, "name": "a.png", "type": "image/png", "size": 9}),
        ("auth:refresh", {"token": token("ada")}),
    ):
        started = time.monotonic()
        answer = await ada.call(event, payload)
        assert answer["ok"] is False, (event, answer)
        assert answer["error"]["retryable"] is True, (event, answer)
        assert time.monotonic() - started < 3.0, event
    await ada.io.emit("typing", {"room": room, "typing": True})
    await ada.ok("presence", {})
    assert all(running.get("/healthz")[0] == 200 for running in both)
    await assert_sign_in_is_closed_without_refusal(both[0])


async def assert_sign_in_is_closed_without_refusal(running: Gateway) -> None:
    """Check that a sign-in is closed without a refusal. After a refusal, socket.io-client would not reconnect."""
    async with raw(running) as socket:
        await socket.send('40{"token":"' + token("carol") + '"}')
        said = await socket.until_closed()
    assert [frame for frame in said if frame.startswith("4")] == []


async def connect_status(running: Gateway) -> int:
    """Return the status of a new session's first request."""
    async with ClientSession() as http, http.get(f"{running.url}/socket.io/?EIO=4&transport=polling") as response:
        return response.status


async def assert_complete(ada: Client, bob: Client, room: str) -> None:
    """Check that both clients got each message once, by `seq`, over their first connections."""
    for text in ("during-0", "during-1", "after"):
        await send_until_acked(ada, room, text)
    for who in (ada, bob):
        await who.expect_text("after", BACK_WITHIN)
        seqs = [m["seq"] for m in who.seen("message", lambda m: m["room"] == room)]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
        assert sorted(who.texts(room)) == sorted(["before", "during-0", "during-1", "after"])
        assert not who.gone.is_set()


async def test_no_message_is_lost_while_redis_is_paused(own: OwnRedis, both: list[Gateway], clients: Clients) -> None:
    room = ROOM + "-paused"
    ada, bob = await two(both, clients, room)
    await ada.send(room, "before")
    await bob.expect_text("before")

    own.pause()
    try:
        await outage(ada, both, room)
    finally:
        own.resume()

    await are_ready(both)
    await assert_complete(ada, bob, room)
    assert ada.seen("resync") == bob.seen("resync") == []


async def test_no_message_is_lost_when_redis_is_killed_and_restarts_with_its_data(
    own: OwnRedis, both: list[Gateway], clients: Clients
) -> None:
    room = ROOM + "-killed"
    ada, bob = await two(both, clients, room)
    first = await ada.send(room, "before")
    for who in (ada, bob):  # otherwise Redis might die before it publishes the message, and clients would get `resync`
        await who.expect_text("before")

    own.kill()
    try:
        await outage(ada, both, room)
    finally:
        own.start()

    await are_ready(both)
    await assert_complete(ada, bob, room)
    back = await bob.join(room, since={"seq": 0, "epoch": first["epoch"]})
    assert back["epoch"] != first["epoch"]
    assert back["recovered"] is False
    everything = (await bob.ok("message:history", {"room": room}))["messages"]
    assert sorted(m["text"] for m in everything) == sorted(["before", "during-0", "during-1", "after"])


async def test_all_messages_arrive_in_order_after_lost_subscriptions(
    own: OwnRedis, both: list[Gateway], clients: Clients
) -> None:
    room = ROOM + "-cut"
    ada, bob = await two(both, clients, room)

    async def write() -> None:
        for n in range(120):
            await ada.send(room, str(n))

    async def cut() -> None:
        for n in range(1, 4):
            await bob.expect("message", lambda m, n=n: m["seq"] >= n * 20)  # type: ignore[misc]
            with store(own.url) as redis:
                redis.client_kill_filter(_type="pubsub")

    await asyncio.gather(write(), cut())

    for who in (ada, bob):
        await who.expect_text("119", BACK_WITHIN)
        assert who.texts(room) == [str(n) for n in range(120)]
        assert who.seen("resync") == []


async def test_missed_messages_arrive_without_a_later_message_in_the_room(
    own: OwnRedis, both: list[Gateway], clients: Clients
) -> None:
    room = ROOM + "-tail"
    ada, bob = await two(both, clients, room)
    filled = [running.metric("roomcast_gateway_filled_packets_total") for running in both]

    for n in range(5):
        with store(own.url) as redis:
            redis.client_kill_filter(_type="pubsub")
            await ada.send(room, str(n))
        for who in (ada, bob):
            await who.expect_text(str(n), BACK_WITHIN)
        await are_ready(both)

    assert bob.texts(room) == ada.texts(room) == [str(n) for n in range(5)]
    assert [running.metric("roomcast_gateway_filled_packets_total") for running in both] > filled


async def test_a_client_that_joins_during_a_lost_subscription_misses_no_message(
    own: OwnRedis, both: list[Gateway], clients: Clients
) -> None:
    room = ROOM + "-join"
    ada, _ = await two(both, clients, room)
    carol = await clients(both[1], "carol")
    start = await ada.send(room, "zero")
    with store(own.url) as redis:
        redis.client_kill_filter(_type="pubsub")

    sent = asyncio.gather(*(ada.send(room, str(n)) for n in range(30)))
    joined = await carol.join(room, since={"seq": start["seq"], "epoch": start["epoch"]})
    await sent
    await ada.send(room, "last")

    await carol.expect_text("last", BACK_WITHIN)
    seqs = [m["seq"] for m in (*joined["messages"], *carol.seen("message"))]
    assert joined["recovered"] is True
    assert seqs == list(range(2, 33))


async def test_a_name_that_changes_during_a_lost_subscription_reaches_the_room(
    own: OwnRedis, both: list[Gateway], clients: Clients
) -> None:
    kim, ada = await clients(both[0], "kim", name="Kim"), await clients(both[0], "ada")
    for who in (kim, ada):
        await who.join(ROOM + "-names")
    person = keys.user_person("kim")
    with store(own.url) as redis:
        await until(lambda: redis.hget(person, "name") in ("Kim", b"Kim"), "the sign-in has stored the name")
        redis.hset(person, "name", "Countess")  # as another gateway does, whose control message is lost
        redis.client_kill_filter(_type="pubsub")
    for who in (kim, ada):
        assert (await who.expect("profile"))["name"] == "Countess"
    await are_ready(both)


async def test_sends_are_acked_after_command_connections_are_killed(
    own: OwnRedis, both: list[Gateway], clients: Clients
) -> None:
    room = ROOM + "-commands"
    ada, bob = await two(both, clients, room)
    for n in range(5):
        with store(own.url) as redis:
            redis.client_kill_filter(_type="normal", skipme=True)
        await send_until_acked(ada, room, str(n))

    await bob.expect_text("4", BACK_WITHIN)
    assert bob.texts(room) == [str(n) for n in range(5)]
    await are_ready(both)


async def test_clients_get_resync_when_redis_is_emptied(own: OwnRedis, both: list[Gateway], clients: Clients) -> None:
    room = ROOM + "-emptied"
    ada, bob = await two(both, clients, room)
    last = await ada.send(room, "before")
    for who in (ada, bob):
        await who.expect_text("before")

    with store(own.url) as redis:
        redis.flushall()
    await ada.send(room, "after")

    for who in (ada, bob):
        await who.expect("resync", lambda e: e["room"] == room)
        await who.expect_text("after")
    joined = await bob.join(room, since={"seq": last["seq"], "epoch": last["epoch"]})
    assert (joined["recovered"], [m["text"] for m in joined["messages"]]) == (False, ["after"])


async def test_a_full_redis_gives_a_negative_ack_and_one_log_line(
    own: OwnRedis, both: list[Gateway], clients: Clients
) -> None:
    room = ROOM + "-full"
    ada, bob = await two(both, clients, room)
    with store(own.url) as redis:
        redis.config_set("maxmemory", "1mb")
        try:
            error = await nack(ada, room, "during")
            assert (error["reason"], error["detail"]) == ("unavailable", "oom")
            assert (await nack(ada, room, "again"))["detail"] == "oom"
            assert sum(one.said().count("Redis refuses commands: OOM") for one in both) == 1
            await bob.ok("message:history", {"room": room})
        finally:
            redis.config_set("maxmemory", "0")

    await send_until_acked(ada, room, "during")
    await bob.expect_text("during")
    assert bob.texts(room) == ["during"]


async def test_a_gateway_starts_before_its_redis(own: OwnRedis, tmp_path: Path, clients: Clients) -> None:
    later = OwnRedis(tmp_path)
    later.kill()
    try:
        with gateway(tmp_path, later.url, "7", is_ready=False) as running:
            assert (running.get("/healthz")[0], running.get("/readyz")[0]) == (200, 503)
            assert (await connect_status(running), running.process.poll()) == (503, None)
            later.start()
            await until(lambda: running.is_ready, "ready", BACK_WITHIN)
            ada = await clients(running, "ada")
            await ada.join(ROOM)
    finally:
        later.end()


async def test_a_gateway_stops_in_time_without_its_redis(tmp_path: Path, clients: Clients) -> None:
    lost = OwnRedis(tmp_path)
    try:
        with gateway(tmp_path, lost.url, "7", DRAIN_SECONDS="2") as running:
            ada = await clients(running, "ada")
            await ada.join(ROOM)
            lost.pause()
            await until(lambda: not running.is_ready, "not ready")
            await asyncio.to_thread(running.stop, 8.0)
    finally:
        lost.end()
