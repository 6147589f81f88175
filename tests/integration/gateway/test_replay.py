"""Joins with `replay`: the client gets the ack, then the missed messages as `message` events, then live events."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from roomcast.contract.backend import connect
from tests.gateways import Client, Clients, Gateway, gateway, raw, store, token, unique
from tests.waiting import until

Pair = list[Gateway]


class Reader:
    """The packets of one room on a raw connection, in the order of arrival."""

    def __init__(self, frames: list[str | bytes], room: str) -> None:
        self.room = room
        self.acks: list[tuple[int, dict[str, Any]]] = []
        """Pairs of the position among all packets and the ack."""
        self.seqs: list[tuple[int, int]] = []
        """Pairs of the position among all packets and the `seq` of a message."""
        self.live: list[int] = []
        """Positions of the room's other events among all packets."""
        for at, frame in enumerate(frames):
            self._read(at, str(frame))

    def _read(self, at: int, frame: str) -> None:
        if frame.startswith("43"):
            self.acks.append((at, json.loads(frame[frame.index("[") :])[0]))
        elif frame.startswith("42"):
            event, data = json.loads(frame[2:])
            if event == "message" and data["room"] == self.room:
                self.seqs.append((at, data["seq"]))
            elif data.get("room") == self.room:
                self.live.append(at)


async def fill(redis_url: str, room: str, first: int, last: int, size: int = 1) -> None:
    """Publish the numbers `first` to `last` as texts, padded to `size` characters."""
    async with connect(redis_url) as backend:
        for n in range(first, last + 1):
            await backend.publish(room, "filler", str(n).ljust(size, "."))


async def test_a_thousand_missed_messages_follow_the_ack_in_order(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    room = unique("public:talk")
    ada = await clients(pair[0], unique("ada"))
    start = await ada.join(room)
    await fill(gateway_redis, room, 1, 1_000)

    async with raw(pair[1]) as socket:
        await socket.sign_in(unique("bob"))
        since = {"seq": 0, "epoch": start["epoch"]}
        await socket.send("421" + json.dumps(["room:join", {"room": room, "since": since, "replay": True}]))
        await socket.until(lambda frame: '"seq":1000' in frame and frame.startswith("42"))
        await ada.send(room, "live")
        await socket.until(lambda frame: '"live"' in frame)
        heard = Reader(socket.frames, room)

    ((ack_at, ack),) = heard.acks
    assert (ack["ok"], ack["recovered"], ack["more"], ack["messages"], ack["seq"]) == (True, True, False, [], 1_000)
    assert [seq for _, seq in heard.seqs] == list(range(1, 1_002))
    assert ack_at < heard.seqs[0][0]
    assert all(at > heard.seqs[999][0] for at in heard.live)


async def test_the_first_join_replays_the_latest_page(pair: Pair, clients: Clients) -> None:
    room = unique("public:talk")
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    for n in range(5):
        await ada.send(room, str(n))

    joined = await bob.join(room, replay=True, limit=2)
    await ada.send(room, "live")
    await bob.expect_text("live")

    assert (joined["recovered"], joined["messages"], joined["more"], joined["seq"]) == (False, [], False, 5)
    assert bob.texts(room) == ["3", "4", "live"]


async def test_a_join_with_an_old_epoch_is_not_recovered_and_the_latest_page_follows(
    pair: Pair, clients: Clients
) -> None:
    room = unique("public:talk")
    ada = await clients(pair[0], unique("ada"))
    await ada.send(room, "one")

    joined = await ada.join(room, replay=True, since={"seq": 1, "epoch": "f" * 16})
    await ada.expect_text("one")

    assert joined["recovered"] is False


async def test_readers_that_join_repeatedly_under_load_get_each_message_once_and_in_order(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    room = unique("public:talk")
    ada = await clients(pair[0], unique("ada"))
    epoch = (await ada.join(room))["epoch"]
    last = 600
    writing = asyncio.create_task(fill(gateway_redis, room, 1, last))

    async def read(reader: Client) -> list[int]:
        shown: list[int] = []
        since = 0
        while since < last:
            reader.events.clear()
            joined = await reader.join(room, replay=True, since={"seq": since, "epoch": epoch})
            assert joined["recovered"] is True
            await reader.expect("message", partial(_is_at_least, min(last, since + 37)), within=20)
            for message in reader.seen("message"):
                if message["seq"] > since:
                    shown.append(message["seq"])
                    since = message["seq"]
        return shown

    readers = [await clients(pair[n % 2], unique("bob")) for n in range(4)]
    heard = await asyncio.gather(*(read(reader) for reader in readers))
    await writing

    assert heard == [list(range(1, last + 1))] * 4


def _is_at_least(seq: int, message: dict[str, Any]) -> bool:
    return bool(message["seq"] >= seq)


async def test_two_joins_at_once_are_acked_in_order_and_the_last_is_replayed(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    room = unique("public:talk")
    await fill(gateway_redis, room, 1, 300)
    with store(gateway_redis) as redis:
        epoch = redis.hget("room:{" + room + "}:meta", "epoch")

    async with raw(pair[0]) as socket:
        await socket.sign_in(unique("bob"))
        for number, seq in enumerate((0, 100)):
            join = {"room": room, "since": {"seq": seq, "epoch": epoch}, "replay": True}
            await socket.send(f"42{number}" + json.dumps(["room:join", join]))
        await socket.until(lambda frame: '"seq":300' in frame and frame.startswith("42"))
        heard = Reader(socket.frames, room)

    assert [str(frame)[:4] for frame in socket.frames if str(frame).startswith("43")] == ["430[", "431["]
    (_, first), (second_at, second) = heard.acks
    assert (first["recovered"], second["recovered"]) == (True, True)
    assert [seq for at, seq in heard.seqs if at > second_at] == list(range(101, 301))


async def test_a_leave_stops_the_replay(pair: Pair, clients: Clients, gateway_redis: str) -> None:
    room = unique("public:talk")
    await fill(gateway_redis, room, 1, 500, size=2_000)
    with store(gateway_redis) as redis:
        epoch = redis.hget("room:{" + room + "}:meta", "epoch")

    async with raw(pair[0]) as socket:
        await socket.sign_in(unique("bob"))
        join = {"room": room, "since": {"seq": 0, "epoch": epoch}, "replay": True}
        await socket.send("421" + json.dumps(["room:join", join]), "422" + json.dumps(["room:leave", {"room": room}]))
        await socket.ack(2)
        await fill(gateway_redis, room, 501, 501)
        await socket.send('423["room:list",{}]')
        await socket.ack(3)
        left_at = next(at for at, frame in enumerate(socket.frames) if str(frame).startswith("432["))
        assert [at for at, _ in Reader(socket.frames, room).seqs if at > left_at] == []


async def test_member_changes_and_receipts_during_a_replay_are_sent_at_its_end(
    redis_url: str, tmp_path: Path, clients: Clients
) -> None:
    """A polling client gets packets only with its next GET, so the replay lasts as long as the test needs."""
    room = "public:talk"
    with gateway(tmp_path, redis_url, SEND_BUFFER_BYTES="40000") as running:
        await fill(redis_url, room, 1, 100, size=1_000)
        with store(redis_url) as redis:
            epoch = redis.hget("room:{" + room + "}:meta", "epoch")
        async with polling(running, "bob") as bob:
            await bob.send("421" + json.dumps(["room:join", {"room": room, "since": since(epoch), "replay": True}]))
            await bob.until(lambda frame: '"seq":1,' in frame and frame[1] == "2")
            carol = await clients(running, "carol")
            await carol.join(room)
            await carol.ok("receipt:read", {"room": room, "seq": 100})
            await bob.until(lambda frame: '"seq":100,' in frame and frame[1] == "2")
            change = await bob.until(lambda frame: '"people"' in frame)
            receipt = await bob.until(lambda frame: '"receipt"' in frame)
            heard = Reader([frame for frame in bob.frames if '"room"' in frame], room)

        told = json.loads(change[2:])[1]
        assert (told["occupancy"], sorted(row["user"] for row in told["entered"])) == (2, ["bob", "carol"])
        assert json.loads(receipt[2:])[1] == {"room": room, "user": "carol", "seq": 100}
        assert [seq for _, seq in heard.seqs] == list(range(1, 101))
        assert min(heard.live) > heard.seqs[-1][0]


async def test_a_slow_client_is_not_disconnected_for_its_own_replay(redis_url: str, tmp_path: Path) -> None:
    room, count = "public:talk", 300
    with gateway(tmp_path, redis_url, SEND_BUFFER_BYTES="40000") as running:
        await fill(redis_url, room, 1, count, size=3_000)
        with store(redis_url) as redis:
            epoch = redis.hget("room:{" + room + "}:meta", "epoch")
        async with polling(running, "bob") as bob:
            await bob.send("421" + json.dumps(["room:join", {"room": room, "since": since(epoch), "replay": True}]))
            await bob.until(lambda frame: f'"seq":{count},' in frame and frame[1] == "2", within=60)
            heard = Reader(bob.frames, room)
            largest = max(bob.bodies)

    assert [seq for _, seq in heard.seqs] == list(range(1, count + 1))
    assert largest <= 10_000 + 4_000


def since(epoch: Any) -> dict[str, Any]:
    return {"seq": 0, "epoch": epoch}


class Polling:
    """A long-polling session that reads only when `until` is called."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url
        self.frames: list[str | bytes] = []
        self.bodies: list[int] = []

    async def send(self, packet: str) -> None:
        async with self._session.post(self._url, data=packet.encode()) as answer:
            assert answer.status == 200, await answer.text()

    async def until(self, matches: Any, within: float = 10.0) -> str:
        async with asyncio.timeout(within):
            while True:
                for frame in self.frames:
                    if matches(frame):
                        return str(frame)
                async with self._session.get(self._url) as answer:
                    assert answer.status == 200, await answer.text()
                    body = await answer.text()
                self.bodies.append(len(body))
                self.frames += body.split("\x1e")
                if "2" in self.frames:
                    await self.send("3")


class polling:  # noqa: N801 (used as a function)
    """A context manager that yields a signed-in long-polling session."""

    def __init__(self, running: Gateway, user: str) -> None:
        self._base = f"{running.url}/socket.io/?EIO=4&transport=polling"
        self._user = user

    async def __aenter__(self) -> Polling:
        self._session = aiohttp.ClientSession()
        async with self._session.get(self._base) as answer:
            sid = json.loads((await answer.text())[1:])["sid"]
        client = Polling(self._session, f"{self._base}&sid={sid}")
        await client.send("40" + json.dumps({"token": token(self._user)}))
        await client.until(lambda frame: '"ready"' in frame)
        return client

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()


async def test_the_gateway_leaves_the_room_when_a_client_disconnects_during_a_replay(
    pair: Pair, gateway_redis: str
) -> None:
    room = unique("public:talk")
    await fill(gateway_redis, room, 1, 300, size=2_000)
    await until(lambda: pair[0].metric("roomcast_gateway_rooms") == 0, "no room of an earlier test is subscribed")
    for n in range(5):
        async with raw(pair[0]) as socket:
            await socket.sign_in(f"ghost-{n}-{room[12:]}")
            await socket.send("421" + json.dumps(["room:join", {"room": room, "replay": True, "limit": 100}]))
            await socket.ack(1)
            assert pair[0].metric("roomcast_gateway_rooms") == 1
            socket.abort()

    await until(lambda: pair[0].metric("roomcast_gateway_connections") == 0, "all connections are closed")
    await until(lambda: pair[0].metric("roomcast_gateway_rooms") == 0, "the room is unsubscribed")
