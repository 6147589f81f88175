"""Presence on a real Redis: gateways store it, the sweeper expires it, and each change is published once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from roomcast.adapter.redis.backplane import Backplane
from roomcast.adapter.redis.backplane_factory import make_backplane
from roomcast.contract import keys
from roomcast.contract.envelope import PresenceChanges, PresenceRow
from roomcast.contract.errors import RoomcastError
from roomcast.contract.lua import SCRIPTS
from roomcast.contract.presence import Device, Presence
from roomcast.gateway.presence.activity import Activity, Touch
from roomcast.gateway.stores.nodes import NodeStore
from roomcast.gateway.stores.presence import PresenceStore
from roomcast.presence.expiry import Doubt, Mark, Node, Verdict, Windows
from roomcast.presence.store import PresenceStore as SweeperStore
from roomcast.presence.store import connect
from roomcast.presence.sweeper import Sweeper
from roomcast.wire.envelope import Reader
from tests import servers
from tests.backplanes import running_backplane
from tests.redis_accounts import redis_with_accounts
from tests.waiting import until

# One unit of time is a second instead of thirty: a heartbeat every second, offline after two.
WINDOWS = Windows(
    online_seconds=2,
    gap_seconds=1.0,
    grace_seconds=1.5,
    fence_seconds=0.5,
    ahead_seconds=1,
    sweep_seconds=0.1,
    lease_seconds=1.0,
    node_silence_seconds=1,
    batch=50,
)


def by_shard(*users: str) -> dict[int, list[str]]:
    shards: dict[int, list[str]] = {}
    for user in users:
        shards.setdefault(keys.presence_shard(user), []).append(user)
    return shards


class Cluster:
    """Two gateways' stores, a sweeper's store, and everything published on the presence channels."""

    def __init__(self, url: str, backplane: Backplane, sweeper_url: str = "") -> None:
        self.url = url
        self.sweeper_url = sweeper_url or url
        self.redis: Redis = Redis.from_url(url, decode_responses=True)
        self.backplane = backplane
        self.one = PresenceStore(backplane, "1", "inc-1")
        self.node = NodeStore(backplane, "1", "inc-1", "host/1/1")
        self.two = PresenceStore(backplane, "2", "inc-2")
        self.sweeper = SweeperStore(connect(sweeper_url or url), WINDOWS)
        self.heard: list[PresenceRow] = []
        self.rows: list[PresenceRow] = []
        """The rows of the last call of `news`, including rows in which only devices have changed."""

    async def shows(self, *users: str) -> dict[str, str]:
        return {user: shown.status for user, shown in (await self.one.query_users(users)).items()}

    async def news(self) -> list[tuple[str, str, str]]:
        """Return the changes published since the last call. Wait for a marker, so that all have arrived."""
        marker = PresenceStore(self.backplane, "marker", "marker")
        await marker.remove_connections([("marker", "m")])
        await marker.touch([Touch("marker", "m", "online", "")])
        await until(lambda: any(row.user == "marker" for row in self.heard), "the marker")
        self.rows = [row for row in self.heard if row.user != "marker"]
        self.heard.clear()
        return [(row.user, row.status, row.note) for row in self.rows if row.is_shown]

    async def devices_of(self, user: str) -> list[list[tuple[str, str]]]:
        """Return the user's devices in each change published since the last call of `news`."""
        await self.news()
        return [row.devices for row in self.rows if row.user == user]

    async def end_notes(self, user: str) -> int:
        """Let the sweeper read the user's shard and end notes there; return the number of ended notes."""
        shard = keys.presence_shard(user)
        state = await self.sweeper.read_shard(shard)
        return await self.sweeper.end_notes(shard, state.ended) if state.ended else 0

    async def now_ms(self) -> int:
        return (await self.sweeper.read_shard(0)).now_ms

    async def age(self, user: str, seconds: int) -> None:
        """Move the user's last heartbeat into the past by `seconds`."""
        await self.redis.zincrby(keys.presence_seen(keys.presence_shard(user)), -seconds, user)

    async def sweep(self, user: str, *, may_expire: bool = True, late_ms: int = 0) -> int:
        shard = keys.presence_shard(user)
        state = await self.sweeper.read_shard(shard)
        return await self.sweeper.sweep(
            shard, state._replace(now_ms=state.now_ms - late_ms), Verdict(may_expire, 0, None)
        )


@asynccontextmanager
async def running_cluster(url: str, sweeper_url: str = "") -> AsyncIterator[Cluster]:
    reader = Reader(PresenceChanges)
    cluster: Cluster

    def receive(channel: bytes, data: bytes) -> None:
        for row in reader.unpack(data).rows:
            assert channel.decode() == keys.presence_channel(keys.presence_shard(row.user))
            cluster.heard.append(row)

    async with running_backplane(url, hear=receive) as backplane:
        cluster = Cluster(url, backplane, sweeper_url)
        try:
            for shard in range(keys.PRESENCE_SHARDS):
                await backplane.subscribe(keys.presence_channel(shard))
            yield cluster
        finally:
            await cluster.sweeper.close()
            await cluster.redis.aclose()


@pytest.fixture(scope="module")
def slotted_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a Redis in cluster mode, which refuses a script whose keys or channel are in different slots."""
    bus = str(servers.free_port())  # the default, 10,000 above the client port, may not be a valid port
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port", bus)
    with servers.redis_server(tmp_path_factory.mktemp("slotted"), *options) as port:
        with SyncRedis(port=port) as client:
            client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
            servers.wait_until(lambda: client.execute_command("CLUSTER INFO")["cluster_state"] == "ok", "slots")
        yield f"redis://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def account_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Run a Redis on which the sweeper has only the rights of its account."""
    with redis_with_accounts(tmp_path_factory.mktemp("accounts")) as url_of:
        yield url_of


@pytest.fixture(params=["standalone", "cluster", "accounts"])
async def cluster(request: pytest.FixtureRequest) -> AsyncIterator[Cluster]:
    """Yield a cluster on each kind of Redis: a plain one, one in cluster mode, and one with accounts."""
    if request.param == "standalone":
        url = sweeper_url = request.getfixturevalue("redis_url")
    elif request.param == "accounts":
        url_of: Callable[[str], str] = request.getfixturevalue("account_url")
        url, sweeper_url = url_of("admin"), url_of("presence")
        with SyncRedis.from_url(url) as client:
            client.flushall()
    else:
        url = request.getfixturevalue("slotted_url")
        sweeper_url = url.replace("redis://", "redis+cluster://")
        with SyncRedis.from_url(url) as client:
            client.flushall()
    async with running_cluster(url, sweeper_url) as cluster:
        yield cluster


class TestStatus:
    async def test_a_first_touch_is_published_and_a_repeated_touch_is_not(self, cluster: Cluster) -> None:
        rows = [Touch("ada", "c1", "online", ""), Touch("bob", "c2", "away", "lunch")]
        await cluster.one.touch(rows)
        assert sorted(await cluster.news()) == [("ada", "online", ""), ("bob", "away", "lunch")]
        await cluster.one.touch(rows)
        assert await cluster.one.keep_alive(by_shard("ada", "bob")) == []
        assert await cluster.news() == []
        shown = await cluster.one.query_users(["ada", "bob", "nobody"])
        assert shown["bob"][0] == "away"
        assert shown["bob"].note == "lunch"
        assert abs(shown["ada"].last_seen / 1000 - time.time()) < 5
        assert shown["nobody"] == Presence("offline", 0, "")

    async def test_the_most_reachable_device_gives_the_status_and_note(self, cluster: Cluster) -> None:
        await cluster.one.touch([Touch("ada", "c1", "away", "afk")])
        await cluster.two.touch([Touch("ada", "c2", "busy", "call")])
        await cluster.one.touch([Touch("ada", "c3", "online", "")])
        await cluster.one.remove_connections([("ada", "c3")])
        await cluster.two.remove_connections([("ada", "c2")])
        assert await cluster.news() == [
            ("ada", "away", "afk"),
            ("ada", "busy", "call"),
            ("ada", "online", ""),
            ("ada", "busy", "call"),
            ("ada", "away", "afk"),
        ]

    async def test_two_devices_in_one_batch_are_published_as_one_change(self, cluster: Cluster) -> None:
        await cluster.one.touch([Touch("ada", "c1", "online", ""), Touch("ada", "c2", "online", "")])
        assert await cluster.news() == [("ada", "online", "")]

    async def test_an_invisible_user_looks_exactly_like_an_offline_user(self, cluster: Cluster) -> None:
        await cluster.one.touch([Touch("ada", "c1", "online", "hi")])
        await cluster.two.touch([Touch("ada", "c2", "invisible", "secret")])
        assert await cluster.news() == [("ada", "online", "hi"), ("ada", "offline", "")]
        frozen = (await cluster.one.query_users(["ada"]))["ada"]
        assert (frozen.status, frozen.note) == ("offline", "")
        await cluster.age("ada", 30)
        await cluster.one.keep_alive(by_shard("ada"))
        await cluster.one.remove_connections([("ada", "c1")])
        await cluster.two.remove_connections([("ada", "c2")])
        assert await cluster.news() == []
        assert (await cluster.one.query_users(["ada"]))["ada"] == frozen

    async def test_a_gateway_learns_that_another_device_hides_its_user(self, cluster: Cluster) -> None:
        hidden, followed = await cluster.one.touch(
            [Touch("ada", "c1", "invisible", ""), Touch("bob", "c2", "away", "")]
        )
        assert (hidden, followed) == (["ada"], [])
        activity = Activity(time.monotonic)
        activity.add_connection("c3", "ada")
        activity.add_connection("c4", "bob")
        assert (await cluster.two.write_batch(activity.take_batch())).hidden == ["ada"]
        await cluster.one.remove_connections([("ada", "c1")])
        assert await cluster.news() == [("bob", "away", ""), ("bob", "online", ""), ("ada", "online", "")]

    async def test_the_expiry_of_an_invisible_user_is_not_published(self, cluster: Cluster) -> None:
        await cluster.one.touch([Touch("ada", "c1", "invisible", "")])
        await cluster.age("ada", 30)
        assert await cluster.sweep("ada") == 1
        assert await cluster.news() == []
        assert (await cluster.one.query_users(["ada"]))["ada"] == Presence("offline", 0, "")

    async def test_a_user_is_offline_at_once_when_the_last_device_leaves(self, cluster: Cluster) -> None:
        await cluster.one.touch([Touch("ada", "c1", "online", "")])
        await cluster.two.touch([Touch("ada", "c2", "online", "")])
        await cluster.one.remove_connections([("ada", "c1")])
        assert await cluster.shows("ada") == {"ada": "online"}
        await cluster.two.remove_connections([("ada", "c2")])
        await cluster.two.remove_connections([("ada", "c2")])
        assert await cluster.news() == [("ada", "online", ""), ("ada", "offline", "")]
        assert not await cluster.redis.keys("presence:*conn:ada")

    async def test_devices_per_user_are_bounded(self, cluster: Cluster) -> None:
        await cluster.one.touch([Touch("ada", f"c{n}", "online", "") for n in range(70)])
        key = keys.presence_connections(keys.presence_shard("ada"), "ada")
        assert await cluster.redis.hlen(key) == 50

    async def test_every_key_expires(self, cluster: Cluster) -> None:
        await cluster.node.announce()
        await cluster.one.touch([Touch("ada", "c1", "online", ""), Touch("bob", "c2", "online", "")])
        await cluster.one.remove_connections([("bob", "c2")])
        await cluster.sweep("ada")
        await cluster.sweeper.hold_lease("me")
        names = await cluster.redis.keys("*")
        assert len(names) >= 7
        assert {name: await cluster.redis.ttl(name) > 0 for name in names} == dict.fromkeys(names, True)


class TestDevices:
    async def test_each_device_has_its_kind_and_status(self, cluster: Cluster) -> None:
        await cluster.one.touch([Touch("ada", "c1", "away", "", kind="web")])
        await cluster.two.touch([Touch("ada", "c2", "online", "", kind="mobile"), Touch("ada", "c3", "online", "")])
        devices = (Device("", "online"), Device("mobile", "online"), Device("web", "away"))
        shown = (await cluster.one.query_users(["ada", "nobody"], devices=True)).values()
        assert [each.devices for each in shown] == [devices, ()]
        assert (await cluster.one.query_users(["ada"]))["ada"].devices == ()

    async def test_a_change_of_a_device_is_published_even_if_the_user_s_status_stays_the_same(
        self, cluster: Cluster
    ) -> None:
        await cluster.one.touch([Touch("ada", "c1", "online", "", kind="web")])
        await cluster.two.touch([Touch("ada", "c2", "away", "", kind="mobile")])
        await cluster.two.touch([Touch("ada", "c2", "away", "", kind="mobile")])
        await cluster.two.touch([Touch("ada", "c2", "busy", "", kind="mobile")])
        await cluster.two.remove_connections([("ada", "c2")])
        assert await cluster.news() == [("ada", "online", "")]
        web = ("web", "online")
        assert [row.devices for row in cluster.rows] == [
            [web],
            [web, ("mobile", "away")],
            [web, ("mobile", "busy")],
            [web],
        ]
        assert [row.status for row in cluster.rows] == ["online"] * 4

    async def test_an_invisible_user_has_no_devices(self, cluster: Cluster) -> None:
        await cluster.one.touch([Touch("ada", "c1", "invisible", "", kind="web")])
        await cluster.two.touch([Touch("ada", "c2", "online", "", kind="mobile")])
        await cluster.two.touch([Touch("ada", "c2", "away", "", kind="mobile")])
        await cluster.two.remove_connections([("ada", "c2")])
        assert await cluster.devices_of("ada") == []
        assert (await cluster.one.query_users(["ada"], devices=True))["ada"] == Presence("offline", 0, "")
        await cluster.one.remove_connections([("ada", "c1")])
        await cluster.one.touch([Touch("bob", "c3", "online", "", kind="web")])
        await cluster.one.touch([Touch("bob", "c4", "invisible", "", kind="mobile")])
        assert await cluster.devices_of("bob") == [[("web", "online")], []]

    async def test_the_number_of_published_devices_is_limited(self, cluster: Cluster) -> None:
        rows = [Touch("ada", f"c{number}", "away", "", kind=f"k{number:02}") for number in range(24)]
        await cluster.one.touch([*rows, Touch("ada", "c", "online", "", kind="z")])
        devices = (await cluster.one.query_users(["ada"], devices=True))["ada"].devices
        assert devices == (Device("z", "online"), *(Device(f"k{number:02}", "away") for number in range(19)))
        assert max(map(len, await cluster.devices_of("ada"))) == 20

    async def test_a_record_of_an_older_release_is_read_without_a_kind(self, cluster: Cluster) -> None:
        await cluster.one.touch([Touch("ada", "c1", "online", "hi")])
        key = keys.presence_connections(keys.presence_shard("ada"), "ada")
        async with Redis.from_url(cluster.url) as redis:
            packed: Any = await redis.hget(key, "c1")
            record = msgspec.msgpack.decode(packed)
            await redis.hset(key, "c1", msgspec.msgpack.encode(record[:8]))
        shown = (await cluster.one.query_users(["ada"], devices=True))["ada"]
        assert (shown.note, shown.until, shown.devices) == ("hi", 0, (Device("", "online"),))


class TestNotesWithAnEnd:
    async def test_the_end_is_published_with_the_note(self, cluster: Cluster) -> None:
        until_ms = await cluster.now_ms() + 60_000
        await cluster.one.touch([Touch("ada", "c1", "busy", "call", until=until_ms)])
        assert await cluster.news() == [("ada", "busy", "call")]
        assert [row.until for row in cluster.rows] == [until_ms]
        assert (await cluster.one.query_users(["ada"]))["ada"][2:4] == ("call", until_ms)
        await cluster.one.touch([Touch("ada", "c1", "busy", "call", until=until_ms + 1)])
        await cluster.one.touch([Touch("ada", "c1", "busy", "call")])
        await cluster.news()
        assert [row.until for row in cluster.rows] == [until_ms + 1, 0]
        assert await cluster.redis.exists(keys.presence_ends(keys.presence_shard("ada"))) == 0

    async def test_a_note_is_empty_from_its_end_on_and_the_sweeper_publishes_the_change(self, cluster: Cluster) -> None:
        end = await cluster.now_ms() + 300
        await cluster.one.touch([Touch("ada", "c1", "busy", "call", until=end)])
        assert await cluster.end_notes("ada") == 0
        await until(lambda: self.is_over(cluster, end), "the end")
        assert (await cluster.one.query_users(["ada"]))["ada"][2:4] == ("", 0)
        await cluster.one.touch(
            [Touch("ada", "c1", "busy", "call", until=end)]
        )  # the gateway writes the same state again
        assert await cluster.news() == [("ada", "busy", "call")]
        assert await cluster.end_notes("ada") == 1
        assert await cluster.end_notes("ada") == 0
        assert await cluster.news() == [("ada", "busy", "")]

    async def test_the_notes_of_several_devices_end_one_after_the_other(self, cluster: Cluster) -> None:
        end = await cluster.now_ms() + 200
        await cluster.one.touch([Touch("ada", "c1", "busy", "call", until=end)])
        await cluster.two.touch([Touch("ada", "c2", "away", "afk", until=end + 60_000)])
        await until(lambda: self.is_over(cluster, end), "the first end")
        assert await cluster.end_notes("ada") == 1
        await cluster.one.remove_connections([("ada", "c1")])
        assert await cluster.news() == [("ada", "busy", "call"), ("ada", "busy", ""), ("ada", "away", "afk")]
        shard = keys.presence_shard("ada")
        assert await cluster.redis.zrange(keys.presence_ends(shard), 0, -1, withscores=True) == [("ada", end + 60_000)]

    async def test_the_end_of_a_note_does_not_change_which_device_is_shown(self, cluster: Cluster) -> None:
        end = await cluster.now_ms() + 300
        call = Touch("ada", "c1", "busy", "call", until=end)
        await cluster.one.touch([call])
        await until(lambda: self.is_over(cluster, end - 290), "a later millisecond")
        await cluster.two.touch([Touch("ada", "c2", "busy", "in the office")])
        await until(lambda: self.is_over(cluster, end), "the end")
        await cluster.news()
        await cluster.one.touch([call])  # the gateway writes the same state again
        assert await cluster.news() == []
        assert (await cluster.one.query_users(["ada"]))["ada"].note == "in the office"

    async def test_the_end_of_a_note_of_a_hidden_or_absent_user_is_not_published(self, cluster: Cluster) -> None:
        end = await cluster.now_ms() + 200
        await cluster.one.touch([Touch(user, f"c-{user}", "busy", "call", until=end) for user in ("ada", "bob")])
        await cluster.two.touch([Touch("ada", "c2", "invisible", "")])
        await cluster.one.remove_connections([("bob", "c-bob")])
        await cluster.news()
        await until(lambda: self.is_over(cluster, end), "the end")
        assert [await cluster.end_notes(user) for user in ("ada", "bob")] == [0, 0]
        assert await cluster.news() == []
        assert not await cluster.redis.keys("presence:*:ends")

    async def test_a_device_that_follows_the_user_s_choice_gets_the_note_only_until_its_end(
        self, cluster: Cluster
    ) -> None:
        end = await cluster.now_ms() + 300
        await cluster.one.touch([Touch("ada", "c1", "busy", "call", True, end)])
        followed = (await cluster.two.touch([Touch("ada", "c2", None, "")]))[1]
        assert [row[1:] for row in followed] == [("busy", "call", end)]
        await until(lambda: self.is_over(cluster, end), "the end")
        followed = (await cluster.two.touch([Touch("ada", "c3", None, "")]))[1]
        assert [row[1:] for row in followed] == [("busy", "", 0)]

    async def test_a_later_choice_without_an_end_also_removes_the_end_on_other_devices(self, cluster: Cluster) -> None:
        end = await cluster.now_ms() + 60_000
        await cluster.one.touch([Touch("ada", "c1", "busy", "call", True, end)])
        await cluster.two.touch([Touch("ada", "c2", None, "")])
        await cluster.one.touch([Touch("ada", "c1", "busy", "call", True)])
        await cluster.one.remove_connections([("ada", "c1")])
        await cluster.news()
        assert (await cluster.one.query_users(["ada"]))["ada"][2:4] == ("call", 0)

    @staticmethod
    async def is_over(cluster: Cluster, end: int) -> bool:
        return await cluster.now_ms() >= end


class TestUnknown:
    async def test_an_emptied_redis_returns_all_users_as_unknown_until_they_are_rewritten(
        self, cluster: Cluster
    ) -> None:
        activity = Activity(time.monotonic)
        users = [f"user{n}" for n in range(300)]
        for user in users:
            activity.add_connection(f"c-{user}", user)
        assert (await cluster.one.write_batch(activity.take_batch())).unknown == []
        await cluster.redis.flushall()
        for user in users:
            activity.mark_seen(f"c-{user}")
        unknown = (await cluster.one.write_batch(activity.take_batch())).unknown
        assert sorted(unknown) == sorted(users)
        activity.rewrite_users(unknown)
        await cluster.one.write_batch(activity.take_batch())
        assert set((await cluster.shows(*users)).values()) == {"online"}

    async def test_scripts_work_again_after_redis_has_flushed_them(self, cluster: Cluster) -> None:
        await cluster.redis.script_flush()
        await cluster.one.touch([Touch("ada", "c1", "online", "")])
        assert await cluster.sweep("ada") == 0

    async def test_without_redis_a_touch_raises_unavailable(self) -> None:
        backplane = make_backplane("redis://127.0.0.1:1", name="test", scripts=SCRIPTS)
        backplane.start()
        store = PresenceStore(backplane, "1", "i")
        with pytest.raises(RoomcastError, match="unavailable"):
            await store.touch([Touch("ada", "c1", "online", "")])
        await backplane.close()


class TestSweep:
    async def test_a_user_without_heartbeats_goes_offline_with_the_time_last_seen(self, cluster: Cluster) -> None:
        await cluster.one.touch([Touch("ada", "c1", "online", "hi")])
        seen = (await cluster.one.query_users(["ada"]))["ada"].last_seen
        assert await cluster.sweep("ada") == 0
        await cluster.age("ada", 3)
        assert await cluster.sweep("ada", may_expire=False) == 0
        assert await cluster.sweep("ada") == 1
        assert await cluster.sweep("ada") == 0
        assert (await cluster.one.query_users(["ada"]))["ada"] == Presence("offline", seen - 3000, "")
        assert await cluster.news() == [("ada", "online", "hi"), ("ada", "offline", "")]
        assert await cluster.one.keep_alive(by_shard("ada")) == ["ada"]

    async def test_a_sweep_that_arrives_late_expires_no_user(self, cluster: Cluster) -> None:
        await cluster.one.touch([Touch("ada", "c1", "online", "")])
        await cluster.age("ada", 100)
        shard = keys.presence_shard("ada")
        assert await cluster.sweep("ada", late_ms=600) == -1
        assert (await cluster.sweeper.read_shard(shard)).mark is None
        assert await cluster.shows("ada") == {"ada": "online"}

    async def test_a_user_whose_heartbeat_arrives_between_read_and_sweep_stays_online(self, cluster: Cluster) -> None:
        await cluster.one.touch([Touch("ada", "c1", "online", "")])
        await cluster.age("ada", 100)
        shard = keys.presence_shard("ada")
        state = await cluster.sweeper.read_shard(shard)
        assert state.due == ["ada"]
        await cluster.one.keep_alive(by_shard("ada"))
        assert await cluster.sweeper.sweep(shard, state, Verdict(True, 0, None)) == 0

    async def test_heartbeats_from_before_the_clock_went_back_expire_too(self, cluster: Cluster) -> None:
        await cluster.one.touch([Touch("ada", "c1", "online", "")])
        await cluster.age("ada", -3600)
        assert await cluster.sweep("ada") == 1
        assert (await cluster.one.query_users(["ada"]))["ada"].last_seen / 1000 <= time.time() + 1

    async def test_a_sweep_stores_its_time_and_grace_period(self, cluster: Cluster) -> None:
        state = await cluster.sweeper.read_shard(3)
        await cluster.sweeper.sweep(3, state, Verdict(False, 12345, Doubt.FRESH))
        mark = (await cluster.sweeper.read_shard(3)).mark
        assert isinstance(mark, Mark)
        assert mark.grace_until_ms == 12345
        assert 0 <= mark.at_ms - state.now_ms < 1000

    async def test_last_seen_entries_older_than_a_month_are_deleted(self, cluster: Cluster) -> None:
        shard = keys.presence_shard("ada")
        await cluster.redis.zadd(keys.presence_last(shard), {"ada": time.time() - 31 * 86_400, "new": time.time()})
        await cluster.sweep("ada")
        assert await cluster.redis.zrange(keys.presence_last(shard), 0, -1) == ["new"]


class TestNodes:
    async def test_only_the_devices_of_a_dead_node_are_removed(self, cluster: Cluster) -> None:
        assert await cluster.node.announce() == (True, None)
        assert await cluster.node.announce() == (False, None)
        await cluster.one.touch([Touch("ada", "c1", "online", ""), Touch("bob", "c2", "busy", "call")])
        await cluster.two.touch([Touch("ada", "c3", "away", "")])
        await cluster.news()
        assert await cluster.sweeper.dead_nodes() == []
        await cluster.redis.delete(keys.node_lease("1"))
        assert await cluster.sweeper.dead_nodes() == []
        await cluster.redis.hset(keys.PRESENCE_NODES, "1:inc-1", int(time.time()) - 5)
        [node] = await cluster.sweeper.dead_nodes()
        assert await self.drop(cluster, node) == 2
        assert await cluster.news() == [("ada", "away", "")]
        assert await cluster.shows("ada", "bob") == {"ada": "away", "bob": "busy"}
        await cluster.sweeper.forget_node(node)
        assert await cluster.sweeper.dead_nodes() == []
        await cluster.two.touch([Touch("bob", "c4", "away", "")])
        assert await cluster.news() == [("bob", "away", "")]

    async def test_a_restarted_node_keeps_its_devices_when_its_dead_process_is_removed(self, cluster: Cluster) -> None:
        await cluster.node.announce()
        await cluster.one.touch([Touch("ada", "c1", "online", ""), Touch("bob", "c2", "online", "")])
        again = PresenceStore(cluster.backplane, "1", "inc-1b")
        other = NodeStore(cluster.backplane, "1", "inc-1b", "host/2/2")
        held = (await other.announce()).holder
        assert held is not None
        assert (held.incarnation, held.process, held.left_ms > 10_000) == ("inc-1", "host/1/1", True)
        assert await other.hold(replaces="inc-1") == (True, None)
        await other.announce()
        assert (await cluster.node.announce()).holder is not None
        await again.touch([Touch("ada", "c9", "busy", "")])
        [node] = await cluster.sweeper.dead_nodes()
        assert node == Node("1", "inc-1")
        await self.drop(cluster, node)
        assert await cluster.shows("ada", "bob") == {"ada": "busy", "bob": "online"}
        await again.remove_connections([("ada", "c9")])
        assert await cluster.shows("ada") == {"ada": "offline"}

    async def test_a_retired_node_counts_as_dead_at_once(self, cluster: Cluster) -> None:
        await cluster.node.announce()
        await cluster.node.retire()
        assert await cluster.sweeper.dead_nodes() == [Node("1", "inc-1")]

    async def test_a_removal_of_devices_that_arrives_late_does_nothing(self, cluster: Cluster) -> None:
        await cluster.one.touch([Touch("ada", "c1", "online", "")])
        shard = keys.presence_shard("ada")
        state = await cluster.sweeper.read_shard(shard)
        assert await cluster.sweeper.drop_node_step(shard, Node("1", "inc-1"), state.now_ms - 600) == -1
        assert await cluster.sweeper.drop_node_step(shard, Node("1", "inc-1"), state.now_ms) == 1

    @staticmethod
    async def drop(cluster: Cluster, node: Node) -> int:
        removed = 0
        for shard in range(keys.PRESENCE_SHARDS):
            while count := await cluster.sweeper.drop_node_step(
                shard, node, (await cluster.sweeper.read_shard(shard)).now_ms
            ):
                removed += count
        return removed


class Recorder:
    """An observer that records its calls."""

    def __init__(self) -> None:
        self.passes = 0
        self.led = 0
        self.failures = 0
        self.total_expired = 0
        self.ended = 0
        self.doubts: list[Doubt] = []
        self.dropped: list[Node] = []

    def passed(self, *, leader: bool, users: int, seconds: float) -> None:
        self.passes += 1
        self.led += leader

    def failed(self, error: str, failures: int) -> None:
        self.failures += 1

    def expired(self, users: int, seconds: float) -> None:
        self.total_expired += users

    def doubted(self, shard: int, doubt: Doubt) -> None:
        self.doubts.append(doubt)

    def late(self, shard: int) -> None:
        pass

    def notes_ended(self, users: int) -> None:
        self.ended += users

    def node_dropped(self, node: Node, connections: int) -> None:
        self.dropped.append(node)


@asynccontextmanager
async def running_sweeper(url: str, token: str = "t1") -> AsyncIterator[tuple[Sweeper, Recorder]]:
    recorder = Recorder()
    store = SweeperStore(connect(url), WINDOWS)
    sweeper = Sweeper(store, WINDOWS, recorder, token=token, clock=time.monotonic, chance=lambda: 0.5)
    task = asyncio.get_running_loop().create_task(sweeper.run())
    try:
        yield sweeper, recorder
    finally:
        sweeper.stop()
        await asyncio.wait_for(task, 5)
        await store.close()


class TestSweeper:
    async def test_users_without_heartbeats_expire_and_users_with_heartbeats_stay_online(
        self, cluster: Cluster
    ) -> None:
        ghosts = [f"ghost{n}" for n in range(2000)]
        await cluster.one.touch([Touch(user, f"c-{user}", "online", "") for user in [*ghosts, "ada"]])
        async with running_sweeper(cluster.sweeper_url) as (_, recorder):

            async def are_gone() -> bool:
                assert await cluster.one.keep_alive(by_shard("ada")) == []
                return recorder.total_expired >= len(ghosts)

            await until(are_gone, "the users without heartbeats have expired", 20)
        assert await cluster.shows("ada", "ghost0") == {"ada": "online", "ghost0": "offline"}
        assert [row for row in await cluster.news() if row[0] == "ada"] == [("ada", "online", "")]
        assert Doubt.FRESH in recorder.doubts
        assert Doubt.CLOCK_BACK not in recorder.doubts
        assert await cluster.redis.get(keys.PRESENCE_SWEEPER) is None

    async def test_the_sweeper_ends_notes_at_their_ends(self, cluster: Cluster) -> None:
        end = await cluster.now_ms() + 300
        users = [f"user{number}" for number in range(120)]
        await cluster.one.touch([Touch(user, f"c-{user}", "busy", "call", until=end) for user in users])
        async with running_sweeper(cluster.sweeper_url) as (_, recorder):

            async def have_ended() -> bool:
                assert await cluster.one.keep_alive(by_shard(*users)) == []
                return recorder.ended >= len(users)

            await until(have_ended, "the notes have ended", 20)
        news = await cluster.news()
        assert [row for row in news if row[2] == ""] == [(user, "busy", "") for user in [row[0] for row in news[120:]]]
        assert sorted(row[0] for row in news[120:]) == sorted(users)
        assert not await cluster.redis.keys("presence:*:ends")

    async def test_a_dead_node_is_removed(self, cluster: Cluster) -> None:
        await cluster.node.announce()
        await cluster.one.touch([Touch("ada", "c1", "online", "")])
        await cluster.node.retire()
        async with running_sweeper(cluster.sweeper_url) as (_, recorder):
            await until(lambda: recorder.dropped == [Node("1", "inc-1")], "the node is removed")
        assert await cluster.redis.hgetall(keys.PRESENCE_NODES) == {}

    async def test_one_sweeper_leads_and_another_takes_over(self, cluster: Cluster) -> None:
        async with running_sweeper(cluster.sweeper_url, "t1") as (first, one):
            await until(lambda: one.led > 2, "the first sweeper leads")
            async with running_sweeper(cluster.sweeper_url, "t2") as (_, two):
                await until(lambda: two.passes > 2, "the second sweeper waits for the lease")
                assert two.led == 0
                first.stop()
                await until(lambda: two.led > 0, "the second sweeper leads")
                assert two.doubts == []
