"""Attacks with stolen Redis accounts of a back end, signer or sweeper: no such account can publish as a gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest
import pytest_asyncio
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from roomcast.adapter.node_messages import Disconnect, Emit, Membership
from roomcast.contract import backend, keys
from roomcast.contract.backend import Backend
from roomcast.contract.envelope import (
    MediaReply,
    MediaRequest,
    NodeOrder,
    OccupancyChange,
    PresenceChanges,
    PresenceRow,
    UserEvent,
)
from roomcast.wire.channels import namespace_channel, node_channel
from roomcast.wire.envelope import (
    KIND_MESSAGE,
    pack,
    pack_close,
    pack_event,
    pack_note,
    pack_question,
    pack_routing,
)
from roomcast.wire.seals import Seals
from tests import gateways
from tests.gateways import CLUSTER_KEY, Client, Clients, Gateway, unique
from tests.redis_accounts import redis_with_accounts
from tests.waiting import until

FORGED = "roomcast_gateway_forged_messages_total"
FAKE_CUSTOM = b'2["custom",{"room":"public:lobby","event":"vote","data":{},"user":"ada"}]'
FAKE_EVENT = b'2["message",{"room":"public:lobby","seq":9,"user":"ada","name":"Ada","kind":"text","text":"forged"}]'


class Cluster(NamedTuple):
    """A gateway with a cluster key, and the Redis URL of each account, by the account's name."""

    gateway: Gateway
    urls: dict[str, str]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("stolen")
    with redis_with_accounts(folder) as url_of:
        urls = {account: url_of(account) for account in ("gateway", "presence", "media", "backend", "admin")}
        with gateways.gateway(folder, urls["gateway"], CLUSTER_KEY=CLUSTER_KEY, DRAIN_SECONDS="1") as running:
            yield Cluster(running, urls)


class Thief:
    """An attacker with the Redis passwords of all accounts."""

    def __init__(self, cluster: Cluster) -> None:
        self._clients = {account: Redis.from_url(url) for account, url in cluster.urls.items()}

    async def run(self, account: str, *command: Any) -> Any:
        return await self._clients[account].execute_command(*command)

    async def refused(self, account: str, *command: Any) -> None:
        """Check that Redis refuses the command, or a command within the script."""
        with pytest.raises(ResponseError, match=r"permission|can't|No permissions"):
            await self.run(account, *command)

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()


@pytest_asyncio.fixture
async def thief(cluster: Cluster) -> AsyncIterator[Thief]:
    made = Thief(cluster)
    yield made
    await made.close()


class Talk(NamedTuple):
    """Ada and Bob in a room. `epoch` and `seq` are the position that the room's next message will have."""

    room: str
    ada: Client
    bob: Client
    epoch: bytes
    seq: int

    async def assert_untouched(self) -> None:
        """Check that Bob receives a new message of Ada's, and has received no forged event."""
        text = unique("text")
        await self.ada.send(self.room, text)
        await self.bob.expect_text(text)
        assert [m for m in self.bob.seen("message") if m["user"] != self.ada.user] == []
        assert not self.bob.seen("room", lambda data: data["change"] != "people")
        for event in ("resync", "drain", "custom", "typing", "rooms"):
            assert not self.bob.seen(event)
        assert not self.bob.gone.is_set()


@pytest_asyncio.fixture
async def talk(cluster: Cluster, clients: Clients) -> Talk:
    room = unique("public:talk")
    ada, bob = await clients(cluster.gateway, unique("ada")), await clients(cluster.gateway, unique("bob"))
    for person in (ada, bob):
        await person.join(room)
    receipt = await ada.send(room, "first")
    await bob.expect_text("first")
    return Talk(room, ada, bob, receipt["epoch"].encode(), receipt["seq"] + 1)


def a_message(talk: Talk) -> bytes:
    """Return a forged packet of the room's next message, in the form that `room_append.lua` publishes."""
    head = bytes((1, KIND_MESSAGE)) + talk.epoch + talk.seq.to_bytes(8, "big") + pack_routing("/")
    return head + FAKE_EVENT


def forged_room_packets(talk: Talk) -> dict[str, bytes]:
    """Return a forged packet of each kind for the room's channel, by the name of the test case."""
    note = OccupancyChange(1, [], [talk.ada.user])
    return {
        "event": pack_event("/", FAKE_EVENT),
        "custom event of a user": pack_event("/", FAKE_CUSTOM),
        "room": pack_event("/", b'2["room",{"room":"public:lobby","change":"closed"}]'),
        "resync": pack_event("/", b'2["resync",{"room":"%b"}]' % talk.room.encode()),
        "attachments": pack_event("/", b'51-["message",{"_placeholder":true,"num":0}]', (), (b"x",)),
        "close": pack_close("/"),
        "note": pack_note("/", note),
        "question": pack_question("/", Emit("/", "", b'2["message",{}]', (), "1", 7)),
        "another key": Seals(["k" * 40]).seal(keys.room_channel(talk.room), pack_event("/", FAKE_EVENT)),
    }


@pytest.mark.parametrize(
    "kind",
    ["event", "custom event of a user", "room", "resync", "attachments", "close", "note", "question", "another key"],
)
async def test_a_back_end_cannot_forge_packets_of_a_room(cluster: Cluster, talk: Talk, thief: Thief, kind: str) -> None:
    before = cluster.gateway.metric(FORGED)
    assert await thief.run("backend", "SPUBLISH", keys.room_channel(talk.room), forged_room_packets(talk)[kind]) == 1
    await until(lambda: cluster.gateway.metric(FORGED) == before + 1, "the forged packet is counted")
    await talk.assert_untouched()
    assert (await talk.bob.ok("room:members", {"room": talk.room}))["members"]


async def test_a_back_end_cannot_forge_the_next_message_of_a_room(talk: Talk, thief: Thief) -> None:
    """Forge a message with the room's next `seq`. Without seals, gateways would drop the real one as its duplicate."""
    for _ in range(3):
        await thief.run("backend", "SPUBLISH", keys.room_channel(talk.room), a_message(talk))
    await talk.assert_untouched()
    assert talk.bob.texts(talk.room)[0] == "first"
    assert len(talk.bob.texts(talk.room)) == 2


@pytest.mark.parametrize(
    "packet",
    [
        FAKE_EVENT,
        b'2["drain",{"within_seconds":0}]',
        b'2["presence",{"changes":[]}]',
        b'2["typing",{"room":"public:lobby","user":"ada","typing":true}]',
        b'2["rooms",{}]',
        FAKE_CUSTOM,
        b'2["custom",{"event":"x"}',
        b'2["custom",7]',
        b'2  ["message",{}]',
        b'2/other,["message",{}]',
    ],
)
async def test_a_back_end_cannot_send_gateway_events_to_a_user(
    cluster: Cluster, talk: Talk, thief: Thief, packet: bytes
) -> None:
    before = cluster.gateway.metric(FORGED)
    await thief.run("backend", "SPUBLISH", keys.user_channel(talk.bob.user), pack(UserEvent("/", packet)))
    await until(lambda: cluster.gateway.metric(FORGED) == before + 1, "the forged event is counted")
    await talk.assert_untouched()


@pytest.mark.parametrize("packet", [FAKE_EVENT, FAKE_CUSTOM, b'2["drain",{"within_seconds":0}]'])
async def test_a_back_end_cannot_send_gateway_events_to_all_users(
    cluster: Cluster, talk: Talk, thief: Thief, packet: bytes
) -> None:
    before = cluster.gateway.metric(FORGED)
    for data in (pack_event("/", packet), pack_close("/")):
        await thief.run("backend", "SPUBLISH", namespace_channel("/"), data)
    await until(lambda: cluster.gateway.metric(FORGED) == before + 2, "the forged packets are counted")
    await talk.assert_untouched()


@pytest.mark.parametrize("order", ["cordon", "drain"])
async def test_a_back_end_cannot_take_a_gateway_out_of_service(
    cluster: Cluster, talk: Talk, thief: Thief, order: Literal["cordon", "drain"]
) -> None:
    before = cluster.gateway.metric(FORGED)
    await thief.run("backend", "PUBLISH", keys.CONTROL, pack(NodeOrder("1", order)))
    await until(lambda: cluster.gateway.metric(FORGED) == before + 1, "the forged order is counted")
    assert cluster.gateway.is_ready
    await talk.assert_untouched()


async def test_fifty_forged_messages_make_fewer_than_ten_log_lines(cluster: Cluster, talk: Talk, thief: Thief) -> None:
    before = cluster.gateway.metric(FORGED)
    for _ in range(50):
        await thief.run("backend", "SPUBLISH", keys.room_channel(talk.room), pack_close("/"))
    await until(lambda: cluster.gateway.metric(FORGED) == before + 50, "all forged messages are counted")
    lines = [line for line in cluster.gateway.said().splitlines() if "forged message" in line]
    assert 1 <= len(lines) < 10
    assert 'forged"}]' not in cluster.gateway.said()


async def test_a_signer_without_the_key_cannot_send_node_messages(cluster: Cluster, talk: Talk, thief: Thief) -> None:
    before = cluster.gateway.metric(FORGED)
    sid = talk.bob.io.get_sid()
    messages = (
        Disconnect("/", sid),
        Membership("/", sid, unique("team:secret"), enter=True),
        Membership("/", sid, talk.room, enter=False),
        Emit("/", sid, FAKE_EVENT),
        MediaReply("request", {"url": "https://evil.example"}),
    )
    for message in messages:
        await thief.run("media", "SPUBLISH", node_channel("1"), pack(message))
    await until(lambda: cluster.gateway.metric(FORGED) == before + len(messages), "all forged messages are counted")
    await talk.assert_untouched()


async def test_redis_refuses_other_accounts_the_channels_and_keys_of_gateways(talk: Talk, thief: Thief) -> None:
    """Redis refuses these commands, so gateways and signers need not check the senders on these channels."""
    node = pack(Disconnect("/", talk.bob.io.get_sid()))
    request = MediaRequest("r", "1", talk.bob.user, "url", {}, 2**50)
    shard = keys.presence_shard(talk.bob.user)
    rows = pack(PresenceChanges([PresenceRow(talk.bob.user, "offline", 1)]))
    await thief.refused("presence", "XADD", keys.MEDIA_REQUESTS, "*", "m", pack(request))
    for account in ("backend", "presence"):
        await thief.refused(account, "SPUBLISH", node_channel("1"), node)
        await thief.refused(account, "SPUBLISH", node_channel("1.0"), node)
        await thief.refused(account, "SET", keys.node_lease("1"), "another")
    for account in ("presence", "media"):
        await thief.refused(account, "SPUBLISH", namespace_channel("/"), pack_event("/", FAKE_EVENT))
    for account in ("backend", "presence", "media"):
        await thief.refused(account, "SSUBSCRIBE", keys.room_channel(talk.room))
        await thief.refused(account, "SUBSCRIBE", keys.CONTROL)
        await thief.refused(account, "PSUBSCRIBE", "*")
    for account in ("backend", "media"):
        await thief.refused(account, "SPUBLISH", keys.presence_channel(shard), rows)
    for account in ("presence", "media"):
        await thief.refused(account, "SPUBLISH", keys.room_channel(talk.room), pack_close("/"))
        await thief.refused(account, "SPUBLISH", keys.user_channel(talk.bob.user), pack(UserEvent("/", FAKE_EVENT)))
        await thief.refused(account, "PUBLISH", keys.CONTROL, b"")
        await thief.refused(account, "HGETALL", keys.room_log(talk.room))


FOREIGN_KEYS = {
    "gateway": ("upload:{u}", "revoked:{user:u}", "user:{u}:sanctions", "user:{u}:uploads", "presence:sweeper", "x"),
    "presence": ("room:{r}:log", "user:{u}:rooms", "node:{1}:lease", "upload:{u}", "revoked:{user:u}", "x"),
    "media": ("room:{r}:log", "user:{u}:rooms", "node:{1}:lease", "presence:{1}:seen", "revoked:{user:u}", "x"),
    "backend": (
        *("room:{r}:occupants", "room:{r}:nodes_of", "user:{u}:uploads", "user:{u}:upload_bytes"),
        *("user:{u}:events", "user:{u}:blocked", "node:{1}:lease", "presence:{1}:seen", "upload:{u}"),
        *("media:incoming", "x"),
    ),
}
"""Keys, by account, that the account must not write, neither by a command nor by a script."""
COMMANDS = (
    *("CONFIG GET *", "ACL LIST", "ACL SETUSER x", "KEYS *", "SCAN 0", "RANDOMKEY", "DBSIZE", "FLUSHALL", "FLUSHDB"),
    *("FUNCTION LIST", "FCALL f 0", "SCRIPT FLUSH", "SCRIPT KILL", "SHUTDOWN NOSAVE", "MONITOR"),
    *("REPLICAOF NO ONE", "BGSAVE", "SLOWLOG GET", "CLIENT LIST", "CLIENT KILL ID 1", "LATENCY LATEST", "MEMORY STATS"),
    *("MIGRATE 127.0.0.1 1 k 0 1", "RESTORE k 0 v", "DUMP k", "SWAPDB 0 1", "MODULE LIST", "PUBSUB CHANNELS", "SAVE"),
)


@pytest.mark.parametrize("account", FOREIGN_KEYS)
async def test_an_account_cannot_write_keys_of_other_processes(thief: Thief, account: str) -> None:
    for key in FOREIGN_KEYS[account]:
        await thief.refused(account, "EVAL", "return redis.call('DEL', KEYS[1])", 1, key)
        await thief.refused(
            account, "HSET" if account != "media" else "DEL", key, *(("f", "v") if account != "media" else ())
        )
        await thief.refused(account, "EVAL", f"return redis.call('DEL', '{key}')", 0)


@pytest.mark.parametrize("account", FOREIGN_KEYS)
async def test_an_account_cannot_run_commands_of_administrators(thief: Thief, account: str) -> None:
    for command in COMMANDS:
        await thief.refused(account, *command.split())


async def test_a_script_has_only_the_rights_of_its_account(thief: Thief) -> None:
    for call in ("redis.call('SPUBLISH', 'node:{1}', 'x')", "redis.call('PUBLISH', 'presence:{1}', 'x')"):
        await thief.refused("backend", "EVAL", f"return {call}", 0)


@pytest.mark.parametrize("cluster_keys", [(), (CLUSTER_KEY,)], ids=["without the key", "with the key"])
async def test_a_real_back_end_may_publish_and_manage_rooms_and_users(
    cluster: Cluster, talk: Talk, cluster_keys: tuple[str, ...]
) -> None:
    before = cluster.gateway.metric(FORGED)
    async with backend.connect(cluster.urls["backend"], cluster_keys=cluster_keys) as client:
        await _work(client, talk)
    assert cluster.gateway.metric(FORGED) == before


async def _work(client: Backend, talk: Talk) -> None:
    texts = [unique("notice") for _ in range(20)]
    for text in texts:
        await client.publish(talk.room, "billing", text)
    await talk.bob.expect_text(texts[-1])
    assert talk.bob.texts(talk.room) == ["first", *texts]
    await client.emit_to_room(talk.room, "vote", {"n": 1})
    await client.emit_to_user(talk.bob.user, "ticket", {"n": 2})
    await client.emit_to_all("notice", {"n": 3})
    for number in (1, 2, 3):
        await talk.bob.expect("custom", partial(_has_number, number))
    room = unique("team:new")
    await client.create_room(room, talk.ada.user, name="New")
    await client.grant(room, talk.bob.user)
    await talk.bob.expect("room", lambda data: data["room"] == room and data["change"] == "invited")
    await talk.bob.join(room)
    await client.remove(room, talk.bob.user)
    await talk.bob.expect("room", lambda data: data["room"] == room and data["change"] == "removed")
    await client.mute(talk.bob.user, room=talk.room)
    assert (await client.presence([talk.bob.user]))[talk.bob.user].status == "online"
    await client.close_room(room)
    await client.allow_rooms(talk.bob.user, 3)
    await client.allow_rooms(talk.bob.user, None)
    assert list(await client.reports()) == []


def test_the_log_does_not_contain_the_cluster_key(cluster: Cluster) -> None:
    assert CLUSTER_KEY not in cluster.gateway.said()
    assert Path(cluster.gateway.log).exists()


def _has_number(number: int, event: dict[str, Any]) -> bool:
    return bool(event["data"] == {"n": number})
