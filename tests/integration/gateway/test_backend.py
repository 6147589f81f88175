"""The back-end client and its command line, with a real gateway and a Redis with accounts."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import socketio
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from deploy import redis_config
from deploy.credentials import make
from roomcast.contract import backend as backend_module
from roomcast.contract.backend import Backend, Presence
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.keys import room_channel, room_meta
from roomcast.wire.envelope import unpack_room
from tests import gateways, servers
from tests.redis_cluster import redis_cluster
from tests.waiting import until

REVOKED_WITHIN_SECONDS = 5.0


class Cluster(NamedTuple):
    """A Redis with one account per kind of process, and one gateway."""

    redis_port: int
    passwords: dict[str, str]
    gateway: gateways.Gateway

    def redis_url(self, account: str) -> str:
        return redis_url_of(account, self.passwords, self.redis_port)


def redis_url_of(account: str, passwords: dict[str, str], port: int) -> str:
    return f"redis://{account}:{passwords[account]}@127.0.0.1:{port}/0"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("backend")
    passwords = make().redis
    accounts = folder / "users.acl"
    accounts.write_text(redis_config.acl(passwords))
    with servers.redis_server(folder, "--aclfile", str(accounts)) as redis_port:
        url = redis_url_of("gateway", passwords, redis_port)
        with gateways.gateway(folder, url, DRAIN_SECONDS="1") as gateway:
            yield Cluster(redis_port, passwords, gateway)


@pytest.fixture
async def backend(cluster: Cluster) -> AsyncIterator[Backend]:
    async with backend_module.connect(cluster.redis_url("backend")) as client:
        yield client


@pytest.fixture
async def admin(cluster: Cluster) -> AsyncIterator[Redis]:
    async with Redis.from_url(cluster.redis_url("admin")) as client:
        yield client


class Person:
    """A python-socketio client that records the events that it receives."""

    def __init__(self) -> None:
        self.socket = socketio.AsyncClient(reconnection=False)
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.socket.on("*", self._hear)

    async def _hear(self, event: str, data: dict[str, Any]) -> None:
        self.heard.append((event, data))

    def of(self, event: str) -> list[dict[str, Any]]:
        return [data for name, data in self.heard if name == event]

    def changes(self, room: str) -> list[str]:
        """Return the `change` of each `room` event about this room, without `people` (users who enter and leave)."""
        return [e["change"] for e in self.of("room") if e["room"] == room and e["change"] != "people"]

    async def call(self, event: str, payload: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = await self.socket.call(event, payload, timeout=20)
        return answer

    async def join(self, room: str) -> dict[str, Any]:
        return await self.call("room:join", {"room": room})


@asynccontextmanager
async def signed_in(at: Cluster | gateways.Gateway, user: str, **claims: Any) -> AsyncIterator[Person]:
    """Yield a signed-in client of `at`: a gateway, or the only gateway of a cluster."""
    person = Person()
    url = at.gateway.url if isinstance(at, Cluster) else at.url
    await person.socket.connect(url, auth={"token": gateways.token(user, **claims)}, transports=["websocket"])
    try:
        yield person
    finally:
        await person.socket.disconnect()


# --- messages ---


async def test_a_system_message_is_an_ordinary_entry_of_the_room(cluster: Cluster, backend: Backend) -> None:
    async with signed_in(cluster, "ada") as ada:
        joined = await ada.join("public:news")
        sent = await ada.call("message:send", {"room": "public:news", "id": "1", "text": "first"})
        receipt = await backend.publish("public:news", "billing", 'Rechnung 17 \u2713 "bezahlt"', name="Billing")
        later = await ada.call("message:send", {"room": "public:news", "id": "2", "text": "third"})
        await until(lambda: len(ada.of("message")) == 3, "three messages")
    assert [receipt.seq, later["seq"]] == [sent["seq"] + 1, sent["seq"] + 2]
    assert receipt.epoch == joined["epoch"] == later["epoch"]
    assert not receipt.duplicate
    message = ada.of("message")[1]
    assert message.pop("id")
    assert message == {
        "room": "public:news",
        "seq": receipt.seq,
        "epoch": receipt.epoch,
        "time": receipt.time,
        "user": "billing",
        "name": "Billing",
        "kind": "system",
        "text": 'Rechnung 17 \u2713 "bezahlt"',
    }


async def test_a_client_cannot_amend_a_system_message_published_under_its_user(
    cluster: Cluster, backend: Backend
) -> None:
    """The message has Ada's user id. A gateway that compared only users would let Ada change the back end's text."""
    async with signed_in(cluster, "ada") as ada:
        await ada.join("public:facts")
        receipt = await backend.publish("public:facts", "ada", "Ada has paid 10 EUR")
        target = {"room": "public:facts", "target": receipt.seq}
        for event, more in (
            ("message:edit", {"text": "Ada has paid 1000 EUR"}),
            ("message:delete", {}),
            ("message:react", {"emoji": "+", "on": True}),
        ):
            refused = await ada.call(event, {**target, "id": event, **more})
            assert (refused["error"]["reason"], refused["error"]["detail"]) == (
                "not_found",
                "a system message: only back ends edit and delete it",
            )
        await backend.edit("public:facts", "ada", receipt.seq, "Ada has paid 11 EUR")
        await until(lambda: [message["kind"] for message in ada.of("message")] == ["system", "edit"], "the edit")


async def test_a_message_with_a_repeated_id_is_published_once(cluster: Cluster, backend: Backend) -> None:
    async with signed_in(cluster, "ada") as ada:
        await ada.join("public:orders")
        first = await backend.publish("public:orders", "shop", "order 1", id="order-1")
        again = await backend.publish("public:orders", "shop", "order 1", id="order-1")
        await backend.publish("public:orders", "shop", "order 2", kind="text")
        await until(lambda: len(ada.of("message")) == 2, "two messages")
    assert again == first._replace(duplicate=True)
    assert [message["text"] for message in ada.of("message")] == ["order 1", "order 2"]


async def test_a_gateway_continues_the_epoch_that_a_back_end_started(cluster: Cluster, backend: Backend) -> None:
    receipt = await backend.publish("public:quiet", "bot", "before anybody joined")
    async with signed_in(cluster, "ada") as ada:
        joined = await ada.join("public:quiet")
    assert joined["epoch"] == receipt.epoch
    assert [message["text"] for message in joined["messages"]] == ["before anybody joined"]


async def test_a_published_packet_has_the_position_and_id_of_the_message(backend: Backend, admin: Redis) -> None:
    async with admin.pubsub() as hearing:
        await hearing.execute_command("SSUBSCRIBE", room_channel("public:wire"))
        await hearing.parse_response()
        receipt = await backend.publish("public:wire", "bot", "x", id="m")
        packet = unpack_room((await hearing.parse_response())[2])
    assert (packet.seq, packet.epoch.decode(), packet.namespace) == (receipt.seq, receipt.epoch, "/")
    assert json.loads(packet.body[1:])[1]["id"] == "m"


# --- rooms ---


async def test_a_kicked_person_gets_no_more_messages_of_the_room(cluster: Cluster, backend: Backend) -> None:
    async with signed_in(cluster, "ada") as ada, signed_in(cluster, "bob") as bob:
        await ada.join("public:hall")
        await bob.join("public:hall")
        await backend.kick("public:hall", "ada")
        await until(lambda: ada.changes("public:hall") == ["removed"], "ada gets the event")
        await backend.publish("public:hall", "bot", "without ada")
        await until(lambda: len(bob.of("message")) == 1, "bob gets the message")
        assert (await ada.call("room:list", {}))["ok"]  # a round trip: all events sent before have arrived
        assert ada.of("message") == []
        assert bob.changes("public:hall") == []


async def test_a_member_is_added_and_removed(cluster: Cluster, backend: Backend) -> None:
    with pytest.raises(RoomcastError, match="not_found"):
        await backend.grant("team:red", "ada")
    await backend.create_room("team:red", "owner", name="Team Red")
    with pytest.raises(RoomcastError, match="conflict"):
        await backend.create_room("team:red", "other")
    async with signed_in(cluster, "ada") as ada:
        assert (await ada.join("team:red"))["error"]["reason"] == "forbidden"
        await backend.grant("team:red", "ada", by="owner")
        await until(lambda: ada.changes("team:red") == ["invited"], "ada is invited")
        invitation = next(event for event in ada.of("room") if event["change"] == "invited")
        assert invitation == {
            "room": "team:red",
            "change": "invited",
            "name": "Team Red",
            "role": "member",
            "by": "owner",
        }
        assert [row["name"] for row in (await ada.call("room:list", {}))["rooms"] if row["room"] == "team:red"]
        assert (await ada.join("team:red"))["ok"]
        assert await backend.remove("team:red", "ada")
        await until(lambda: ada.changes("team:red") == ["invited", "removed"], "ada is removed")
        assert (await ada.join("team:red"))["error"]["reason"] == "forbidden"
    assert not await backend.remove("team:red", "ada")
    with pytest.raises(RoomcastError, match="the owner cannot be removed"):
        await backend.remove("team:red", "owner")


async def test_a_closed_room_is_deleted(cluster: Cluster, backend: Backend, admin: Redis) -> None:
    await backend.create_room("team:blue", "ada")
    async with signed_in(cluster, "ada") as ada:
        assert (await ada.join("team:blue"))["ok"]
        await backend.publish("team:blue", "bot", "a secret of the team")
        await backend.close_room("team:blue")
        await until(lambda: ada.changes("team:blue") == ["closed"], "ada gets the event")
        assert (await ada.join("team:blue"))["error"]["reason"] == "forbidden"
        assert "team:blue" not in [row["room"] for row in (await ada.call("room:list", {}))["rooms"]]
    assert not await admin.exists(room_meta("team:blue"))
    await backend.create_room("team:blue", "eve")
    async with signed_in(cluster, "eve") as eve:
        assert (await eve.join("team:blue"))["messages"] == []


@pytest.mark.parametrize(("room", "kind"), [("dm:a:b", "private"), ("public:x", "private")])
async def test_reserved_ids_are_refused(backend: Backend, room: str, kind: Any) -> None:
    with pytest.raises(RoomcastError) as caught:
        await backend.create_room(room, "ada", kind=kind)
    assert caught.value.code is Code.FORBIDDEN


# --- revocations ---


async def test_a_revoked_user_is_disconnected_and_cannot_sign_in_with_an_old_token(
    cluster: Cluster, backend: Backend
) -> None:
    async with signed_in(cluster, "mallory") as mallory, signed_in(cluster, "bob") as bob:
        await backend.revoke_user("mallory")
        await until(lambda: not mallory.socket.connected, "mallory is disconnected", REVOKED_WITHIN_SECONDS)
        with pytest.raises(socketio.exceptions.ConnectionError):
            async with signed_in(cluster, "mallory", iat=int(time.time()) - 5):
                pass
        with pytest.raises(socketio.exceptions.ConnectionError):  # signed before, by a server whose clock runs ahead
            async with signed_in(cluster, "mallory", iat=int(time.time()) + 2):
                pass
        await backend.revoke_user("carol", skew_seconds=0)
        async with signed_in(cluster, "carol", iat=int(time.time()) + 2) as forgiven:
            assert (await forgiven.join("public:hall"))["ok"]
        assert bob.socket.connected
        assert (await bob.join("public:hall"))["ok"]


async def test_a_revoked_token_does_not_disconnect_other_tokens_of_the_user(cluster: Cluster, backend: Backend) -> None:
    async with signed_in(cluster, "ada", jti="phone") as phone, signed_in(cluster, "ada", jti="media") as media:
        await backend.revoke_token("phone")
        await until(lambda: not phone.socket.connected, "the phone is disconnected", REVOKED_WITHIN_SECONDS)
        assert (await media.join("public:hall"))["ok"]


# --- presence ---


async def test_presence_is_reported_as_other_users_see_it(cluster: Cluster) -> None:
    async with backend_module.connect(cluster.redis_url("backend")) as backend, signed_in(cluster, "ada") as ada:
        await ada.call("presence", {"status": "busy", "note": "in a meeting"})

        async def is_busy() -> bool:
            return (await backend.presence(["ada"]))["ada"].status == "busy"

        await until(is_busy, "ada is busy")
        found = await backend.presence(["nobody", "ada"])
    assert list(found) == ["nobody", "ada"]
    assert found["ada"].note == "in a meeting"
    assert abs(found["ada"].last_seen - time.time() * 1000) < 60_000
    assert found["nobody"] == Presence("offline", 0, "")


# --- Redis Cluster ---


async def test_rooms_messages_presence_and_revocations_work_on_a_redis_cluster(tmp_path: Path) -> None:
    with redis_cluster(tmp_path) as ports:
        url = f"redis+cluster://127.0.0.1:{ports[0]}"
        with gateways.gateway(tmp_path, url, DRAIN_SECONDS="1") as gateway:
            async with backend_module.connect(url) as backend, signed_in(gateway, "ada") as ada:
                await _work_on(backend, ada)


async def _work_on(backend: Backend, ada: Person) -> None:
    rooms = [f"team:{number}" for number in range(9)]  # these rooms lie on all three masters
    for room in rooms:
        await backend.create_room(room, "owner", name=room.upper())
        await backend.grant(room, "ada")
        joined = await ada.join(room)
        receipt = await backend.publish(room, "bot", "hello", id="1")
        assert await backend.publish(room, "bot", "hello", id="1") == receipt._replace(duplicate=True)
        assert (receipt.epoch, receipt.seq) == (joined["epoch"], 1)
    await until(lambda: len(ada.of("message")) == len(rooms), "all messages")
    assert {message["room"] for message in ada.of("message")} == set(rooms)
    await backend.kick(rooms[0], "ada")
    await backend.remove(rooms[1], "ada")
    await backend.close_room(rooms[2])
    changes = [["invited", "removed"], ["invited", "removed"], ["invited", "closed"]]
    await until(lambda: [ada.changes(room) for room in rooms[:3]] == changes, "ada gets the event")
    found = await backend.presence(["ada", *(f"nobody{number}" for number in range(20))])
    assert [user for user, presence in found.items() if presence.status == "online"] == ["ada"]
    await backend.revoke_user("ada")
    await until(lambda: not ada.socket.connected, "ada is disconnected", REVOKED_WITHIN_SECONDS)


# --- failures ---

NO_RETRY = Retry(NoBackoff(), 0)


async def test_without_redis_a_call_raises_unavailable() -> None:
    async with Redis(port=servers.free_port(), retry=NO_RETRY) as client:
        with pytest.raises(RoomcastError) as caught:
            await Backend(client).publish("public:x", "bot", "text")
    assert caught.value.code is Code.UNAVAILABLE


async def test_while_redis_is_paused_the_outcome_of_a_publish_is_unknown(tmp_path: Path) -> None:
    with servers.redis_server(tmp_path) as port:
        async with Redis(port=port, socket_timeout=0.2, retry=NO_RETRY) as client, Redis(port=port) as other:
            backend = Backend(client)
            await other.execute_command("CLIENT", "PAUSE", "1500", "WRITE")
            with pytest.raises(RoomcastError) as caught:
                await backend.publish("public:x", "bot", "text", id="same")
            assert caught.value.code is Code.OUTCOME_UNKNOWN
            await other.execute_command("CLIENT", "UNPAUSE")
            receipt = await backend.publish("public:x", "bot", "text", id="same")
            assert receipt.seq == 1


async def test_an_account_without_the_permission_gets_unavailable(cluster: Cluster) -> None:
    async with backend_module.connect(cluster.redis_url("media")) as backend:
        with pytest.raises(RoomcastError, match="unavailable: Redis refuses: no permission"):
            await backend.publish("public:x", "bot", "text")


# --- the command line ---


PROGRAM = "python -m roomcast.contract"


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    base = {name: value for name, value in os.environ.items() if not name.startswith("ROOMCAST_")}
    return subprocess.run(
        [sys.executable, "-m", "roomcast.contract", *arguments],
        env=base | environment,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


async def run(cluster: Cluster, *arguments: str) -> str:
    url = cluster.redis_url("backend")
    done = await asyncio.to_thread(command, *arguments, ROOMCAST_REDIS_URL=url, ROOMCAST_JWT_SECRET=gateways.SECRET)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


async def test_the_commands_token_publish_emit_kick_and_close(cluster: Cluster) -> None:
    token = await run(cluster, "token", "--user", "carol", "--rooms", "team:*", "--jti", "t1")
    carol = Person()
    await carol.socket.connect(cluster.gateway.url, auth={"token": token}, transports=["websocket"])
    await carol.join("team:green")
    receipt = json.loads(await run(cluster, "publish", "team:green", "hello", "--user", "ops", "--id", "x"))
    await until(lambda: len(carol.of("message")) == 1, "the message")
    assert (carol.of("message")[0]["seq"], carol.of("message")[0]["name"]) == (receipt["seq"], "ops")
    await run(cluster, "emit", "ticket:state", '{"id": 7}', "--user", "carol")
    await run(cluster, "emit", "ticket:state", "--room", "team:green")
    await run(cluster, "emit", "ticket:state", "--all")
    await until(lambda: len(carol.of("custom")) == 3, "the events")
    assert {(event.get("room"), event["data"].get("id")) for event in carol.of("custom")} == {
        (None, 7),
        ("team:green", None),
        (None, None),
    }
    await run(cluster, "kick", "team:green", "carol")
    await until(lambda: carol.changes("team:green") == ["removed"], "the kick")
    await carol.join("team:green")
    await run(cluster, "close", "team:green")
    await until(lambda: carol.changes("team:green") == ["removed", "closed"], "carol gets the event")
    await run(cluster, "revoke", "--token", "t1", "--days", "1")
    await until(lambda: not carol.socket.connected, "the revocation", REVOKED_WITHIN_SECONDS)


@pytest.mark.parametrize(
    ("arguments", "environment", "status", "line"),
    [
        (("kick", "r", "u"), {}, 2, "kick: ROOMCAST_REDIS_URL: field required"),
        (("token", "--user", "u"), {}, 2, "token: ROOMCAST_JWT_SECRET: field required"),
        (
            ("token", "--user", "u"),
            {"ROOMCAST_JWT_SECRET": "short"},
            2,
            "token: ROOMCAST_JWT_SECRET: each secret must have at least 32 bytes; separate several secrets "
            'with commas, and write secrets that contain a comma as a JSON list: ["…"]',
        ),
        (
            ("kick", "r", "u"),
            {"ROOMCAST_REDIS_URL": "redis+cluster://localhost/1"},
            2,
            "kick: ROOMCAST_REDIS_URL: a Redis cluster has only database 0",
        ),
        (
            ("close", "r"),
            {"ROOMCAST_REDIS_URL": "redis://127.0.0.1:1"},
            1,
            "close: unavailable: Redis does not answer",
        ),
        (
            ("close", "r"),
            {"ROOMCAST_REDIS_URL": "redis+cluster://127.0.0.1:1"},
            1,
            "close: unavailable: Redis does not answer",
        ),
    ],
)
def test_each_error_is_one_line(
    arguments: tuple[str, ...], environment: dict[str, str], status: int, line: str
) -> None:
    done = command(*arguments, **environment)
    assert (done.returncode, done.stderr, done.stdout) == (status, f"{PROGRAM} {line}\n", "")


def test_a_wrong_password_causes_one_error_line(cluster: Cluster) -> None:
    url = f"redis://backend:wrong@127.0.0.1:{cluster.redis_port}"
    done = command("publish", "public:x", "text", "--user", "u", ROOMCAST_REDIS_URL=url)
    assert done.returncode == 1
    assert done.stderr == f"{PROGRAM} publish: unavailable: Redis refuses: authentication\n"


def test_a_bad_room_id_causes_one_error_line(cluster: Cluster) -> None:
    done = command("kick", "no room", "u", ROOMCAST_REDIS_URL=cluster.redis_url("backend"))
    assert done.returncode == 1
    assert done.stderr.startswith(f"{PROGRAM} kick: bad_request: a room id has")
    assert done.stderr.count("\n") == 1
