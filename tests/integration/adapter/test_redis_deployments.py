"""Redis in real deployments: several databases, masters that become replicas, servers that misbehave."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from roomcast.adapter.redis.backplane import Backplane
from roomcast.adapter.redis.backplane_factory import make_backplane
from roomcast.cli import cluster
from roomcast.contract import backend
from roomcast.contract.lua import SCRIPTS
from roomcast.gateway.stores.nodes import take_free_number
from roomcast.gateway.stores.room_log import LogStore
from tests import gateways
from tests.gateways import Client, unique
from tests.proxy import muting_proxy
from tests.redis_cluster import redis_cluster, sentinel
from tests.servers import redis_server, wait_until
from tests.socketio_nodes import aiohttp_node, listener
from tests.sweepers_and_signers import media_settings, running
from tests.waiting import until


@asynccontextmanager
async def backplane(url: str, is_awaited: bool = True) -> AsyncIterator[Backplane]:
    made = make_backplane(url, name="test", scripts=SCRIPTS)
    made.start()
    try:
        if is_awaited:
            await made.wait_up()
        yield made
    finally:
        await made.close()


# --- deployments that share a Redis ---


@pytest.mark.parametrize(
    ("one", "two"), [("/0", "/1"), ("/1", "/2"), ("/0?prefix=a", "/0?prefix=b"), ("/0", "/0?prefix=a")]
)
async def test_deployments_with_one_redis_do_not_receive_each_others_messages(
    redis_port: int, one: str, two: str
) -> None:
    base = f"redis://127.0.0.1:{redis_port}"
    async with (
        aiohttp_node(base + one, "1") as first,
        aiohttp_node(base + two, "1") as second,
        listener(first) as here,
        listener(second) as there,
    ):
        for node, receiver in ((first, here), (second, there)):
            await node.sio.enter_room(receiver.client.get_sid(), "room")
        for node, text in ((first, "one"), (second, "two")):
            await node.sio.emit("room", text, room="room")
            await node.sio.emit("all", text)
        for node in (first, second):  # after all packets of both deployments
            await node.sio.emit("room", "end", room="room")
            await node.sio.emit("all", "end")
        ends = [("all", "end"), ("room", "end")]
        await until(lambda: all(end in receiver.heard for end in ends for receiver in (here, there)), "the last events")
        assert sorted(here.heard) == sorted([("all", "one"), ("room", "one"), *ends])
        assert sorted(there.heard) == sorted([("all", "two"), ("room", "two"), *ends])


async def test_deployments_with_one_redis_have_separate_room_logs(redis_port: int) -> None:
    base = f"redis://127.0.0.1:{redis_port}"
    async with backplane(f"{base}/1") as one, backplane(f"{base}/2") as two, backplane(f"{base}/1?prefix=x") as three:
        logs = [LogStore(made) for made in (one, two, three)]
        room = unique("room")
        receipts = [[await log.append(room, "u", str(n), b'"n":1}') for log in logs] for n in range(3)]
        assert [[receipt.seq for receipt in row] for row in receipts] == [[1] * 3, [2] * 3, [3] * 3]
        assert len({receipt.epoch for row in receipts for receipt in row}) == 3


async def test_all_processes_of_a_deployment_use_the_same_database_and_prefix(redis_port: int, tmp_path: Path) -> None:
    """A gateway, a sweeper, a signer and a back end find each other's keys in database 3 under a prefix."""
    url = f"redis://127.0.0.1:{redis_port}/3?prefix=shop"
    with ExitStack() as stack:
        gateway = stack.enter_context(gateways.gateway(tmp_path, url))
        presence = stack.enter_context(running("presence", tmp_path, ROOMCAST_REDIS_URL=url))
        stack.enter_context(running("media", tmp_path, **media_settings(url)))
        wait_until(lambda: presence.is_ready, "the sweeper is ready")
        client = Client("ada")
        await client.connect(gateway.url)
        room = "public:shared"
        await client.join(room)
        async with backend.connect(url) as behind:
            await behind.publish(room, "shop", "from the back end")
            await client.expect_text("from the back end")
            assert (await behind.presence(["ada"]))["ada"].status == "online"
            await behind.kick(room, "ada")
            await client.expect("room", lambda event: event["room"] == room)
        await client.close()
        number = await take_free_number(url, "another", "process")
        async with cluster.connect(url) as reader:
            assert [room.room for room in await reader.rooms("*", 10)] == [room]
            assert [node.node for node in await reader.nodes()] == ["1"]
        assert number == "2"
        with redis.Redis(port=redis_port, db=3) as admin:
            wait_until(lambda: bool(admin.exists("shop:@3:media:requests")), "the signer reads requests")
            names: Any = admin.keys("*")
        assert b"shop:@3:presence:sweeper" in names
        assert {name[:8] for name in names} == {b"shop:@3:"}


# --- masters that become replicas ---


async def test_a_gateway_leaves_a_master_that_became_a_replica(tmp_path: Path) -> None:
    homes = [tmp_path / name for name in ("one", "two")]
    for home in homes:
        home.mkdir()
    with (
        redis_server(homes[0]) as one,
        redis_server(homes[1], "--replicaof", "127.0.0.1", str(one)) as two,
        redis.Redis(port=one) as old,
        redis.Redis(port=two) as new,
    ):
        wait_until(lambda: new.info("replication")["master_link_status"] == "up", "the replica follows")
        async with muting_proxy(one, b"never") as proxy, backplane(f"redis://127.0.0.1:{proxy.port}") as made:
            log = LogStore(made)
            before = await log.append("room", "u", "1", b'"n":1}')
            wait_until(lambda: new.info("replication")["slave_repl_offset"] > 0, "the new replica has the write")
            new.replicaof("NO", "ONE")
            old.replicaof("127.0.0.1", str(two))
            await until(lambda: not made.is_up, "the adapter is unready", 5)
            await asyncio.sleep(0)
            assert not made.is_up
            proxy.target = two
            await until(lambda: made.is_up, "the adapter is connected to the new master", 5)
            after = await log.append("room", "u", "2", b'"n":1}')
            assert after.seq >= 1
            assert after.epoch != before.epoch


async def test_a_gateway_leaves_a_replica_after_one_refused_write(tmp_path: Path) -> None:
    with redis_server(tmp_path) as port, redis.Redis(port=port) as admin:
        async with backplane(f"redis://127.0.0.1:{port}") as made:
            admin.replicaof("127.0.0.1", "1")
            with pytest.raises(Exception, match="READONLY"):
                await made.command("SET", "key", "value")
            await until(lambda: not made.is_up, "the backplane leaves the replica at once", 1)
            admin.replicaof("NO", "ONE")
            await until(lambda: made.is_up, "the backplane is up at the master again", 5)
            assert await made.command("SET", "key", "value") == b"OK"


async def test_a_sweeper_and_a_signer_leave_a_replica_too(tmp_path: Path) -> None:
    homes = [tmp_path / name for name in ("one", "two")]
    for home in homes:
        home.mkdir()
    with redis_server(homes[0]) as one, redis_server(homes[1]) as two, redis.Redis(port=one) as old:
        async with muting_proxy(one, b"never") as proxy:
            url = f"redis://127.0.0.1:{proxy.port}"
            with (
                running("presence", tmp_path, ROOMCAST_REDIS_URL=url) as presence,
                running("media", tmp_path, **media_settings(url)),
            ):
                await until(lambda: old.exists("presence:sweeper"), "the sweeper leads", 20)
                await until(lambda: old.exists("media:requests"), "the signer reads requests", 20)
                old.replicaof("127.0.0.1", "1")
                proxy.target = two
                with redis.Redis(port=two) as new:
                    await until(lambda: new.exists("presence:sweeper"), "the sweeper leads at the new master", 20)
                    await until(lambda: new.exists("media:requests"), "the signer reads requests at the new master", 20)
                await until(lambda: asyncio.to_thread(lambda: presence.is_ready), "the sweeper is ready", 20)


# --- Sentinels and servers that misbehave ---


@asynccontextmanager
async def misbehaving_server(answer: bytes) -> AsyncIterator[int]:
    """Run a server that accepts connections, sends `answer` to any request, and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if answer:
            await reader.read(1)
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"*0\r\n", b"*-1\r\n", b":7\r\n", b"$5\r\nhi"]
)
async def test_processes_keep_running_when_sentinels_send_invalid_replies(answer: bytes, tmp_path: Path) -> None:
    async with misbehaving_server(answer) as port:
        url = f"redis+sentinel://127.0.0.1:{port}/main"
        with (
            gateways.gateway(tmp_path, url, is_ready=False) as gateway,
            running("presence", tmp_path, ROOMCAST_REDIS_URL=url) as presence,
            running("media", tmp_path, **media_settings(url)) as media,
        ):
            await until(lambda: "failed" in presence.said or "waits" in presence.said, "the sweeper has tried", 20)
            await asyncio.sleep(1.0)
            for process in (gateway.process, presence.process, media.process):
                assert process.poll() is None
            assert not gateway.is_ready
            assert not presence.is_ready
            assert not media.is_ready


async def test_processes_use_a_good_sentinel_beside_a_misbehaving_one(tmp_path: Path) -> None:
    homes = [tmp_path / name for name in ("redis", "sentinel")]
    for home in homes:
        home.mkdir()
    with redis_server(homes[0]) as master, sentinel(homes[1], master, 1) as good:
        async with misbehaving_server(b"") as bad:
            url = f"redis+sentinel://127.0.0.1:{bad},127.0.0.1:{good}/main"
            async with backplane(url) as made:
                assert await made.command("SET", "key", "value") == b"OK"
            with running("presence", tmp_path, ROOMCAST_REDIS_URL=url) as presence:
                await until(lambda: asyncio.to_thread(lambda: presence.is_ready), "the sweeper is ready", 20)


async def test_a_redis_without_sharded_pubsub_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with redis_server(tmp_path, "--rename-command", "SSUBSCRIBE", "") as port:
        async with backplane(f"redis://127.0.0.1:{port}", is_awaited=False) as made:
            for number in range(20):
                made.subscribe(f"room:{{{number}}}")
            await asyncio.sleep(3.0)
            assert not made.is_up
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(said) == 1, said
    assert "has no sharded pub/sub (SSUBSCRIBE)" in said[0]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--rename-command", "SSUBSCRIBE", ""), "has no sharded pub/sub (SSUBSCRIBE)"),
        (("--rename-command", "SPUBLISH", ""), "Redis refuses to publish: ERR unknown command"),
        (("--requirepass", "secret"), "NOAUTH"),
        (("--replicaof", "127.0.0.1", "1"), "the server is a replica"),
    ],
    ids=["no SSUBSCRIBE", "no SPUBLISH", "a password", "a replica"],
)
async def test_an_unusable_redis_makes_the_gateway_unready_and_is_logged_once(
    tmp_path: Path, options: tuple[str, ...], sentence: str
) -> None:
    with redis_server(tmp_path, *options) as port:
        url = f"redis://127.0.0.1:{port}"
        with gateways.gateway(tmp_path, url, is_ready=False) as gateway:
            await until(lambda: sentence in gateway.said(), "the line is logged", 10)
            await asyncio.sleep(2.5)  # time for many more tries
            assert not gateway.is_ready
            said = [line for line in gateway.said().splitlines() if '"level": "info"' not in line]
            assert len([line for line in said if sentence in line]) == 1, said
            assert len(said) <= 2, said


async def test_a_channel_that_the_account_may_not_subscribe_does_not_affect_other_channels(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with redis_server(tmp_path) as port, redis.Redis(port=port) as admin:
        admin.execute_command("ACL SETUSER app on >pw ~* &room:* +@all")
        async with backplane(f"redis://app:pw@127.0.0.1:{port}") as made:
            with pytest.raises(Exception, match="NOPERM"):
                await made.subscribe("other:{x}")
            await made.subscribe("room:{x}")
            admin.execute_command("CLIENT KILL TYPE pubsub")
            await until(lambda: made.reconnects == 1, "the connection is lost")
            await until(lambda: made.is_up, "the backplane is up again")
            admin.execute_command("ACL SETUSER app &other:*")
            await made.subscribe("other:{x}")
    assert "never retrieved" not in caplog.text


async def test_a_redis_that_may_evict_keys_is_logged_once(tmp_path: Path) -> None:
    with (
        redis_server(tmp_path, "--maxmemory-policy", "allkeys-lru") as port,
        redis.Redis(port=port) as admin,
        gateways.gateway(tmp_path, f"redis://127.0.0.1:{port}") as gateway,
    ):
        admin.execute_command("CLIENT KILL TYPE normal SKIPME yes")
        wait_until(lambda: gateway.metric("roomcast_gateway_redis_reconnects") > 0, "the connection is lost")
        wait_until(lambda: gateway.is_ready, "the gateway is ready")
        assert gateway.said().count("maxmemory-policy allkeys-lru") == 1


@pytest.mark.parametrize("endpoint", ["unknown-endpoint", "hostname"])
async def test_a_backplane_uses_a_cluster_that_does_not_report_addresses(tmp_path: Path, endpoint: str) -> None:
    with redis_cluster(tmp_path) as ports:
        for port in ports:
            with redis.Redis(port=port) as admin:
                admin.config_set("cluster-preferred-endpoint-type", endpoint)
        async with backplane(f"redis+cluster://127.0.0.1:{ports[0]}") as made:
            for number in range(30):
                assert await made.command("SET", f"key{number}", "value") == b"OK"
                await made.subscribe(f"room:{{{number}}}")
