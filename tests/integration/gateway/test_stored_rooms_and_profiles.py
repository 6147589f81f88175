"""Stored rooms on two gateways: description, members, owner, closing, the directory, and profiles of people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from roomcast.contract import backend as backend_module
from roomcast.contract.backend import Backend
from roomcast.contract.errors import Code, RoomcastError
from tests import gateways
from tests.gateways import CLUSTER_KEY, Client, Clients, Gateway, unique
from tests.redis_accounts import redis_with_accounts
from tests.waiting import until


class Cluster:
    """Two gateways with a cluster key, and the Redis URL of a back end that does not have the key."""

    def __init__(self, running: list[Gateway], backend_url: str) -> None:
        self.one, self.two = running
        self.backend_url = backend_url


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder: Path = tmp_path_factory.mktemp("rooms")
    settings = {"CLUSTER_KEY": CLUSTER_KEY, "DRAIN_SECONDS": "1"}
    with (
        redis_with_accounts(folder) as url_of,
        gateways.gateways(folder, url_of("gateway"), **settings) as running,
    ):
        yield Cluster(running, url_of("backend"))


@pytest_asyncio.fixture
async def clients() -> AsyncIterator[Clients]:
    made = Clients()
    yield made
    await made.close()


@pytest_asyncio.fixture
async def backend(cluster: Cluster) -> AsyncIterator[Backend]:
    async with backend_module.connect(cluster.backend_url) as client:
        yield client


class Party:
    """Ada, on the first gateway, owns the room. Bob, on the second gateway, is a member. Both have joined."""

    def __init__(self, room: str, ada: Client, bob: Client) -> None:
        self.room, self.ada, self.bob = room, ada, bob

    async def expect(self, client: Client, change: str, **fields: Any) -> dict[str, Any]:
        def matches(data: dict[str, Any]) -> bool:
            return data["room"] == self.room and data["change"] == change and fields.items() <= data.items()

        return await client.expect("room", matches)


@pytest_asyncio.fixture
async def party(cluster: Cluster, clients: Clients) -> Party:
    ada, bob = await clients(cluster.one, unique("ada")), await clients(cluster.two, unique("bob"))
    room = unique("team:red")
    await ada.ok("room:create", {"room": room, "kind": "private", "name": "Red"})
    await ada.invite(room, bob.user)
    for person in (ada, bob):
        await person.join(room)
    return Party(room, ada, bob)


async def test_a_new_description_reaches_members_on_every_gateway(party: Party) -> None:
    changes = {"name": "Blue", "topic": "Plans for May", "data": {"ticket": 7}}
    answer = await party.ada.ok("room:update", {"room": party.room, **changes})
    assert changes.items() <= answer.items()
    for person in (party.ada, party.bob):
        await party.expect(person, "updated", **changes, by=party.ada.user)
    info = await party.bob.ok("room:info", {"room": party.room})
    assert changes.items() <= info.items()
    assert (info["owner"], info["role"], info["kind"]) == (party.ada.user, "member", "private")
    (row,) = (await party.bob.ok("room:list"))["rooms"]
    assert row["name"] == "Blue"
    await party.ada.ok("room:update", {"room": party.room, "topic": "", "data": {}})
    await party.expect(party.bob, "updated", name="Blue", topic="", data={})


async def test_a_user_without_the_right_cannot_change_or_read_a_room(
    party: Party, cluster: Cluster, clients: Clients
) -> None:
    eve = await clients(cluster.one, unique("eve"))
    for event in ("room:update", "room:close", "room:transfer"):
        more = {"room:update": {"name": "Mine"}, "room:transfer": {"user": party.bob.user}}.get(event, {})
        assert await party.bob.refused(event, {"room": party.room, **more}) == "forbidden"
        assert await eve.refused(event, {"room": party.room, **more}) == "forbidden"
    for event in ("room:info", "room:quit"):
        assert await eve.refused(event, {"room": party.room}) == "forbidden"
    assert await eve.refused("room:members", {"room": party.room, "stored": True}) == "forbidden"
    assert await party.ada.refused("room:update", {"room": party.room}) == "bad_request"
    assert await party.ada.refused("room:update", {"room": party.room, "data": {"x": "y" * 5_000}}) == "too_large"
    assert await party.ada.refused("room:update", {"room": party.room, "topic": "t" * 501}) == "too_large"


async def test_stored_members_are_listed_whether_online_or_not(party: Party, backend: Backend) -> None:
    users = sorted(unique(f"u{number:03}") for number in range(120))
    for user in users:
        await backend.grant(party.room, user)
    rows: list[dict[str, Any]] = []
    after = None
    while True:
        payload = {"room": party.room, "stored": True, "limit": 50, **({"after": after} if after else {})}
        page = await party.bob.ok("room:members", payload)
        assert 1 <= len(page["members"]) <= 50
        rows += page["members"]
        after = page["after"]
        if not page["more"]:
            break
    assert sorted(row["user"] for row in rows) == sorted([*users, party.ada.user, party.bob.user])
    found = {row["user"]: row for row in rows}
    assert (found[party.ada.user]["role"], found[party.ada.user]["status"]) == ("owner", "online")
    assert (found[users[0]]["role"], found[users[0]]["status"]) == ("member", "offline")


async def test_all_members_of_a_large_room_are_listed(party: Party, backend: Backend) -> None:
    await backend._redis.hset(f"room:{{{party.room}}}:members", mapping={f"user{n}": "member" for n in range(1_500)})
    found: list[str] = []
    after = None
    while True:
        page = await party.bob.ok(
            "room:members", {"room": party.room, "stored": True, **({"after": after} if after else {})}
        )
        found += [row["user"] for row in page["members"]]
        after = page["after"]
        if after is None:
            break
    assert sorted(found) == sorted([*(f"user{n}" for n in range(1_500)), party.ada.user, party.bob.user])
    assert await party.bob.refused("room:members", {"room": party.room, "stored": True, "after": "~x"}) == "bad_request"


async def test_the_owner_transfers_the_room_and_quits(party: Party) -> None:
    assert await party.ada.refused("room:quit", {"room": party.room}) == "forbidden"
    assert await party.ada.refused("room:transfer", {"room": party.room, "user": unique("nobody")}) == "not_found"
    await party.ada.ok("room:transfer", {"room": party.room, "user": party.bob.user})
    for person in (party.ada, party.bob):
        await party.expect(person, "role", user=party.bob.user, role="owner")
    assert (await party.ada.ok("room:info", {"room": party.room}))["role"] == "admin"
    await party.ada.ok("room:quit", {"room": party.room})
    await party.expect(party.ada, "removed")
    assert await party.ada.refused("message:send", {"room": party.room, "id": "1", "text": "hi"}) == "forbidden"
    assert (await party.ada.ok("room:list"))["rooms"] == []


async def test_a_user_who_quits_a_public_room_leaves_it_on_all_devices(cluster: Cluster, clients: Clients) -> None:
    user, room = unique("ada"), unique("public:talk")
    phone, desk = await clients(cluster.one, user), await clients(cluster.two, user)
    for device in (phone, desk):
        await device.join(room)
    await phone.ok("room:quit", {"room": room})
    await desk.expect("room", lambda data: data["room"] == room and data["change"] == "removed")
    assert (await desk.ok("room:list"))["rooms"] == []
    await desk.join(room)


async def test_the_owner_closes_a_room_on_every_gateway(party: Party) -> None:
    await party.ada.send(party.room, "secret")
    await party.ada.ok("room:sanction", {"room": party.room, "user": "eve", "kind": "ban", "on": True})
    await party.ada.ok("room:close", {"room": party.room})
    for person in (party.ada, party.bob):
        await party.expect(person, "closed")
        assert await person.refused("room:join", {"room": party.room}) == "forbidden"
    await party.ada.ok("room:create", {"room": party.room, "kind": "private"})
    joined = await party.ada.join(party.room)
    assert joined["messages"] == []
    assert (await party.ada.ok("room:sanctions", {"room": party.room}))["banned"] == {}


async def test_messages_after_the_close_of_a_room_do_not_create_the_room_again(party: Party) -> None:
    """Bob's gateway accepts messages until it learns of the close. They must not block the creation of a new room."""
    await party.bob.send(party.room, "first")

    async def flood() -> None:
        for n in range(60):
            await party.bob.io.emit("message:send", {"room": party.room, "id": f"f{n}", "text": "late"})
            if n % 5 == 0:
                await asyncio.sleep(0.001)

    async with asyncio.TaskGroup() as group:
        group.create_task(flood())
        await asyncio.sleep(0.005)
        await party.ada.ok("room:close", {"room": party.room})
    assert await party.bob.refused("message:send", {"room": party.room, "id": "last", "text": "late"}) in (
        "forbidden",
        "conflict",
    )
    await party.ada.ok("room:create", {"room": party.room, "kind": "private"})
    joined = await party.ada.join(party.room)
    assert (joined["seq"], joined["messages"]) == (0, [])


async def test_a_back_end_describes_transfers_and_closes_rooms(party: Party, backend: Backend) -> None:
    await backend.update_room(party.room, name="Green", data={"x": 1})
    found = await party.expect(party.bob, "updated", name="Green", data={"x": 1})
    assert "by" not in found
    await backend.transfer_room(party.room, party.bob.user)
    await party.expect(party.ada, "role", user=party.bob.user, role="owner")
    room = await backend.room(party.room)
    assert (room.owner, room.name, room.data, room.members) == (party.bob.user, "Green", {"x": 1}, 2)
    await backend.close_room(party.room)
    await party.expect(party.ada, "closed")
    for work in (
        backend.update_room(party.room, name="Gone"),
        backend.transfer_room(party.room, party.bob.user),
    ):
        with pytest.raises(RoomcastError) as caught:
            await work
        assert caught.value.code is Code.NOT_FOUND


async def test_public_rooms_are_found_by_name(party: Party, backend: Backend) -> None:
    mark = unique("Fish")
    names = {f"{mark} {word}": unique("open:fish") for word in ("zander", "Perch", "carp")}
    for name, room in names.items():
        await party.ada.ok("room:create", {"room": room, "kind": "public", "name": name})
    await party.ada.ok("room:create", {"room": unique("team:fish"), "kind": "private", "name": f"{mark} secret"})
    listed = [f"{mark} {word}" for word in ("carp", "Perch", "zander")]

    async def found(**more: Any) -> list[str]:
        answer = await party.bob.ok("room:directory", {"query": mark.lower(), **more})
        return [row["name"] for row in answer["rooms"]]

    assert await found() == listed
    page = await party.bob.ok("room:directory", {"query": mark, "limit": 2})
    assert (len(page["rooms"]), page["more"]) == (2, True)
    assert await found(after=page["after"]) == listed[2:]
    assert await found(query="nothing like that") == []
    await party.bob.join(names[listed[0]])
    first = (await party.bob.ok("room:directory", {"query": mark}))["rooms"][0]
    assert (first["room"], first["occupancy"]) == (names[listed[0]], 1)

    await party.ada.ok("room:update", {"room": names[listed[0]], "name": f"{mark} eel", "topic": "Long"})
    await party.ada.ok("room:close", {"room": names[listed[1]]})
    await backend.update_room(names[listed[2]], name="Elsewhere")
    assert await found() == [f"{mark} eel"]
    await backend.close_room(names[listed[0]])
    assert await found() == []


async def test_a_room_whose_meta_key_is_gone_is_not_in_the_directory(party: Party, backend: Backend) -> None:
    name, room = unique("Gone"), unique("open:gone")
    await party.ada.ok("room:create", {"room": room, "kind": "public", "name": name})
    await backend._redis.delete(f"room:{{{room}}}:meta")
    for _ in range(2):
        assert (await party.bob.ok("room:directory", {"query": name}))["rooms"] == []


async def test_profiles_come_from_tokens_and_back_ends(
    cluster: Cluster, clients: Clients, backend: Backend, party: Party
) -> None:
    user, picture = unique("kim"), "https://example.com/kim.png"
    kim = await clients(cluster.two, user, name="Kim", picture=picture, data={"team": 7})
    await party.ada.invite(party.room, user)
    await kim.join(party.room)
    found = (await party.ada.ok("user:profiles", {"users": [user, unique("nobody")]}))["users"]
    assert found == {user: {"name": "Kim", "picture": picture, "data": {"team": 7}}}

    await backend.set_profile(user, name="Countess", data={})
    changed = {"user": user, "name": "Countess", "picture": picture}
    for person in (party.ada, party.bob, kim):
        assert await person.expect("profile", lambda data: data["user"] == user) == changed
    await kim.send(party.room, "renamed")
    assert (await party.ada.expect_text("renamed"))["name"] == "Countess"
    rows = (await party.bob.ok("room:members", {"room": party.room}))["members"]
    assert [row["name"] for row in rows if row["user"] == user] == ["Countess"]

    again = await clients(cluster.one, user)  # a token without a name
    ready = again.seen("ready")[0]
    assert ready["name"] == "Countess"


async def test_a_token_with_a_new_name_renames_the_user_on_every_gateway(
    cluster: Cluster, clients: Clients, party: Party
) -> None:
    user = unique("kim")
    kim = await clients(cluster.one, user, name="Kim")
    await party.ada.invite(party.room, user)
    await kim.join(party.room)
    for person in (party.ada, party.bob):  # from now on, both gateways have the name in their caches
        rows = (await person.ok("room:members", {"room": party.room}))["members"]
        assert [row["name"] for row in rows if row["user"] == user] == ["Kim"]

    await clients(cluster.two, user, name="Countess")
    for person in (party.ada, party.bob, kim):
        assert await person.expect("profile", lambda data: data["user"] == user) == {"user": user, "name": "Countess"}
        rows = (await person.ok("room:members", {"room": party.room}))["members"]
        assert [row["name"] for row in rows if row["user"] == user] == ["Countess"]
    await kim.send(party.room, "renamed by a token")
    assert (await party.bob.expect_text("renamed by a token"))["name"] == "Countess"

    await kim.ok("auth:refresh", {"token": gateways.token(user, name="Lady Lovelace")})
    for person in (party.ada, party.bob, kim):
        assert await person.expect("profile", lambda data: data["name"] == "Lady Lovelace")


async def test_a_sign_in_with_the_same_profile_is_not_announced(
    cluster: Cluster, clients: Clients, party: Party
) -> None:
    user = unique("kim")
    kim = await clients(cluster.one, user, name="Kim", data={"team": 7})
    await party.ada.invite(party.room, user)
    await kim.join(party.room)
    again = await clients(cluster.two, user, name="Kim", data={"team": 7})
    await clients(cluster.two, user, name="Kim the second", data={"team": 7})
    for person in (party.ada, kim, again):
        assert (await person.expect("profile"))["name"] == "Kim the second"


async def test_a_new_name_is_not_announced_in_rooms_in_which_the_user_is_muted(
    cluster: Cluster, clients: Clients, backend: Backend, party: Party
) -> None:
    user, lobby = unique("kim"), unique("public:lobby")
    kim = await clients(cluster.one, user, name="Kim")
    await party.ada.invite(party.room, user)
    for room in (party.room, lobby):
        await kim.join(room)
    await party.bob.join(lobby)
    await backend.mute(user, room=party.room)
    await backend.set_profile(user, name="Countess")
    for person in (kim, party.bob):
        assert (await person.expect("profile"))["name"] == "Countess"
    await backend.unmute(user, room=party.room)
    await backend.set_profile(user, name="Lady Lovelace")
    assert (await party.ada.expect("profile"))["name"] == "Lady Lovelace"


async def test_people_are_found_by_name_for_invitations(
    cluster: Cluster, clients: Clients, backend: Backend, party: Party
) -> None:
    mark = unique("Zoe")
    users = [unique("zoe") for _ in range(3)]
    for number, user in enumerate(users):
        await clients(cluster.two, user, name=f"{mark} {number}")

    async def are_found() -> bool:
        return len((await party.ada.ok("user:search", {"name": mark}))["people"]) == len(users)

    await until(are_found, "the three users are in the directory")
    answer = await party.ada.ok("user:search", {"name": mark.upper(), "limit": 2})
    assert [row["user"] for row in answer["people"]] == users[:2]
    rest = await party.ada.ok("user:search", {"name": mark, "after": answer["after"]})
    assert [row["user"] for row in rest["people"]] == users[2:]
    await backend.set_profile(users[0], name=unique("Other"))
    assert [row["user"] for row in (await party.ada.ok("user:search", {"name": mark}))["people"]] == users[1:]
    assert await party.ada.refused("user:search", {"name": "z"}) == "bad_request"

    stranger = unique("stranger")
    assert await party.ada.refused("room:invite", {"room": party.room, "user": stranger}) == "not_found"
    await backend.set_profile(stranger, name="Expected soon")
    await party.ada.invite(party.room, stranger)
