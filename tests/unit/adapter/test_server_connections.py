"""The connections to one Redis server are opened again after every kind of error, with a fake connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from roomcast.adapter.redis import server_connections
from roomcast.adapter.redis.connection import CommandError, ConnectionLost, NotConnected
from roomcast.adapter.redis.server_connections import ServerConnections
from roomcast.wire import tasks
from roomcast.wire.redis_info import RedisInfo
from roomcast.wire.redis_url import RedisTarget
from tests.waiting import until

GOOD = RedisInfo("run", "7.2.0", "master", "noeviction")


class Connection:
    """An open connection that confirms all commands except subscriptions to the channels in `redis.refused`.

    The next subscription to the channel `redis.loses` ends the connection.
    """

    def __init__(self, redis: Redis, options: dict[str, Any]) -> None:
        self.redis = redis
        self.info = redis.info
        self.is_open = True
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.options = options

    @property
    def run_id(self) -> str:
        return self.info.run_id

    def call(self, *args: Any) -> asyncio.Future[Any]:
        self.redis.calls.append(args)
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        refusal = self.redis.refused.get(args[-1])
        if args[-1] == self.redis.loses:
            self.redis.loses = ""
            reply.set_exception(ConnectionLost("lost"))
            self.close()
        elif refusal is not None:
            reply.set_exception(CommandError(refusal))
        else:
            reply.set_result(b"role:slave" if self.redis.is_replica else b"role:master")
        return reply

    def close(self) -> None:
        self.is_open = False
        if not self.lost.done():
            self.lost.set_result(None)


class Redis:
    """A replacement of `open_connection`. Each attempt raises the next of `errors` until the list is empty."""

    def __init__(self) -> None:
        self.info = GOOD
        self.is_replica = False
        self.errors: list[Exception] = []
        self.refused: dict[Any, str] = {}
        self.loses = ""
        self.calls: list[tuple[Any, ...]] = []
        self.open: list[Connection] = []

    async def open_connection(self, target: RedisTarget, **options: Any) -> Connection:
        if self.errors:
            raise self.errors.pop(0)
        if options.get("check") is not None:
            options["check"](self.info)
        connection = Connection(self, options)
        self.open.append(connection)
        return connection


class Rig:
    """The connections to one server. The rig counts the calls of their callbacks."""

    def __init__(self) -> None:
        self.resubscribed = 0
        self.moved = 0
        self.server = ServerConnections(
            self._resolve,
            name="test",
            timeout_seconds=1.0,
            on_message=lambda channel, data: None,
            on_resubscribed=self._on_resubscribed,
            on_moved=self._on_moved,
        )

    async def _resolve(self) -> RedisTarget:
        return RedisTarget("standalone", (("h", 1),))

    def _on_resubscribed(self, server: ServerConnections) -> None:
        self.resubscribed += 1

    def _on_moved(self) -> None:
        self.moved += 1


@pytest.fixture
def redis(monkeypatch: pytest.MonkeyPatch) -> Redis:
    made = Redis()
    monkeypatch.setattr(server_connections, "open_connection", made.open_connection)
    monkeypatch.setattr(server_connections, "_FIRST_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(server_connections, "_ROLE_SECONDS", 0.02)
    monkeypatch.setattr(tasks, "FIRST_RESTART_SECONDS", 0.001)
    return made


@pytest.fixture
async def rig(redis: Redis) -> AsyncIterator[Rig]:
    made = Rig()
    yield made
    await made.server.close()


async def opened(rig: Rig) -> None:
    rig.server.start()
    async with asyncio.timeout(5):
        await rig.server.wait_up()


@pytest.mark.parametrize("error", [OSError("refused"), TimeoutError(), NotConnected("x"), KeyError("a bug")], ids=repr)
async def test_each_failed_attempt_is_followed_by_another(redis: Redis, rig: Rig, error: Exception) -> None:
    redis.errors = [error] * 4
    await opened(rig)
    assert (rig.server.is_up, redis.errors) == (True, [])


async def test_lost_connections_are_opened_again_and_all_channels_are_subscribed_again(redis: Redis, rig: Rig) -> None:
    await opened(rig)
    channels = ["room:{a}", "room:{b}"]
    for channel in channels:
        await rig.server.subscriptions.subscribe(channel)
    for connection in list(redis.open):
        connection.close()
    assert rig.server.subscriptions.channels == channels
    async with asyncio.timeout(5):
        while rig.server.is_up:
            await asyncio.sleep(0)
    assert not rig.server.subscriptions.subscribe(channels[0]).done(), "the subscription has ended with the connection"
    await until(lambda: rig.resubscribed == 2, "subscribed again")
    async with asyncio.timeout(5):
        for channel in channels:
            await rig.server.subscriptions.subscribe(channel)
    assert [call for call in redis.calls if call[0] == "SSUBSCRIBE"] == [("SSUBSCRIBE", name) for name in channels] * 2


@pytest.mark.parametrize(
    ("info", "sentence"),
    [
        (GOOD._replace(role="slave"), "the server is a replica"),
        (GOOD._replace(version="6.2.5"), "Redis 6.2.5 is too old"),
    ],
)
async def test_an_unusable_server_is_logged_once(
    redis: Redis, rig: Rig, info: RedisInfo, sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    redis.info = info
    rig.server.start()
    await until(lambda: rig.server.reconnects > 8, "many attempts")
    assert not rig.server.is_up
    assert [sentence in record.getMessage() for record in caplog.records] == [True]
    redis.info = GOOD
    await until(lambda: rig.server.is_up, "the server is up")


async def test_the_warning_about_eviction_is_logged_once(
    redis: Redis, rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    redis.info = GOOD._replace(eviction="allkeys-lru")
    await opened(rig)
    redis.open[0].close()
    await until(lambda: len(redis.open) == 3, "a new connection")
    assert [record.levelno for record in caplog.records if "allkeys-lru" in record.getMessage()] == [logging.WARNING]


async def test_connections_to_a_master_that_became_a_replica_are_closed(redis: Redis, rig: Rig) -> None:
    await opened(rig)
    redis.info, redis.is_replica = GOOD._replace(role="slave"), True
    await until(lambda: not rig.server.is_up, "the server is down")
    await until(lambda: all(not connection.is_open for connection in redis.open), "all connections are closed")
    redis.info, redis.is_replica = GOOD, False
    await until(lambda: rig.server.is_up, "the server is up as the master again")


async def test_a_refused_channel_does_not_affect_others_and_can_be_retried(redis: Redis, rig: Rig) -> None:
    await opened(rig)
    redis.refused["secret:{a}"] = "NOPERM no permission"
    with pytest.raises(CommandError):
        await rig.server.subscriptions.subscribe("secret:{a}")
    await rig.server.subscriptions.subscribe("room:{a}")
    assert rig.server.is_up
    del redis.refused["secret:{a}"]
    await rig.server.subscriptions.subscribe("secret:{a}")


async def test_a_channel_whose_slot_moved_waits_for_its_new_server(redis: Redis, rig: Rig) -> None:
    await opened(rig)
    redis.refused["room:{a}"] = "MOVED 1 h:2"
    wanted = rig.server.subscriptions.subscribe("room:{a}")
    await until(lambda: rig.moved == 1, "the map of slots is read")
    assert not wanted.done()
    rig.server.subscriptions.unsubscribe("room:{a}")
    with pytest.raises(NotConnected):
        await wanted


async def test_a_channel_whose_slot_came_back_is_subscribed_again(redis: Redis, rig: Rig) -> None:
    await opened(rig)
    redis.refused["room:{a}"] = "MOVED 1 h:2"
    wanted = rig.server.subscriptions.subscribe("room:{a}")
    await until(lambda: rig.moved == 1, "the map of slots is read")
    assert rig.server.subscriptions.subscribe_moved() == [("room:{a}", wanted)]
    await until(lambda: rig.moved == 2, "the channel is refused again")
    del redis.refused["room:{a}"]
    assert rig.server.subscriptions.subscribe_moved() == [("room:{a}", wanted)]
    await wanted
    assert rig.server.subscriptions.subscribe_moved() == []


async def test_no_command_is_sent_without_a_connection(redis: Redis, rig: Rig) -> None:
    with pytest.raises(NotConnected):
        rig.server.call("GET", "key")
    assert rig.server.durable is None
    assert rig.server.run_id == ""


async def test_a_connection_that_is_lost_while_subscribing_is_opened_again(redis: Redis, rig: Rig) -> None:
    rig.server.subscriptions.subscribe("room:{a}")
    redis.loses = "room:{a}"
    await opened(rig)
    await rig.server.subscriptions.subscribe("room:{a}")
    assert [call for call in redis.calls if call[0] == "SSUBSCRIBE"] == [("SSUBSCRIBE", "room:{a}")] * 2
