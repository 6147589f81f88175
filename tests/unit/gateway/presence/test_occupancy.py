"""The occupancy service: the answers to joins and the events to members, with fakes for Redis and the sender."""

from __future__ import annotations

import asyncio

import pytest

from roomcast.contract.envelope import OccupancyChange
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.presence import PresenceChange
from roomcast.contract.limits import MAX_PRESENCE_ROOM
from roomcast.gateway.presence import occupancy as module
from roomcast.gateway.presence.notes import NO_NOTE
from roomcast.gateway.presence.occupancy import OccupancyService
from roomcast.gateway.presence.watchers import Watchers
from roomcast.wire.envelope import pack
from tests.unit.gateway.presence.fakes import Names, Occupancy, Presence, Sender, session_of, start_task
from tests.waiting import until


class Gateway:
    """An occupancy service over fakes."""

    def __init__(self) -> None:
        self.now = 100.0
        self.store = Occupancy()
        self.presence = Presence()
        self.names = Names()
        self.sender = Sender()
        self.hidden: set[str] = set()
        self.watchers = Watchers(lambda: self.now)
        self.service = OccupancyService(
            self.store, self.presence, self.names, self.sender, self.watchers, self.hidden, start_task
        )

    def receive(self, room: str, occupancy: int, entered: str = "", left: str = "") -> None:
        rows = [(user, user.title(), "online") for user in entered.split()]
        self.service.receive_note(room, pack(OccupancyChange(occupancy, rows, left.split())))


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


async def test_a_join_returns_the_members_with_the_caller_first(gateway: Gateway) -> None:
    gateway.store.others["r"] = ["bob", "cy"]
    snapshot = await gateway.service.enter_room(session_of("ada"), "r")
    assert snapshot.occupancy == 3
    assert [(row["user"], row["name"], row["status"]) for row in snapshot.members] == [
        ("ada", "Ada", "online"),
        ("bob", "Bob", "online"),
        ("cy", "Cy", "online"),
    ]
    assert gateway.store.rooms["r"] == {"ada": "online"}


async def test_the_first_member_of_an_empty_room_needs_no_second_read(gateway: Gateway) -> None:
    snapshot = await gateway.service.enter_room(session_of("ada"), "r")
    assert ([row["user"] for row in snapshot.members], gateway.presence.queries) == (["ada"], [])


async def test_concurrent_and_later_joins_share_one_read(gateway: Gateway) -> None:
    gateway.store.others["r"] = ["bob"]
    users = ("ada", "cy", "dan")
    snapshots = await asyncio.gather(*(gateway.service.enter_room(session_of(user), "r") for user in users))
    snapshots.append(await gateway.service.enter_room(session_of("eve"), "r"))
    assert [snapshot.members[0]["user"] for snapshot in snapshots] == [*users, "eve"]
    assert gateway.presence.queries == [["ada", "bob", "cy", "dan"]]


async def test_a_user_enters_with_the_first_device_and_leaves_with_the_last_device(gateway: Gateway) -> None:
    phone, laptop = session_of("ada", "s1"), session_of("ada", "s2")
    await gateway.service.enter_room(phone, "r")
    await gateway.service.enter_room(laptop, "r")
    assert gateway.store.reads == ["r"]
    await gateway.service.leave_room(phone, "r")
    assert gateway.store.rooms["r"] == {"ada": "online"}
    assert gateway.service
    await gateway.service.leave_room(laptop, "r")
    assert gateway.store.rooms["r"] == {}
    assert not gateway.service


async def test_an_invisible_user_reads_the_room_but_does_not_enter_it(gateway: Gateway) -> None:
    gateway.hidden.add("ada")
    session = session_of("ada")
    session.set_own_status("invisible", NO_NOTE)
    snapshot = await gateway.service.enter_room(session, "r")
    assert snapshot.members[0]["status"] == "invisible"
    assert "r" not in gateway.store.rooms


async def test_a_user_leaves_the_rooms_when_invisible_and_returns_with_the_new_status(gateway: Gateway) -> None:
    await gateway.service.enter_room(session_of("ada"), "r")
    await gateway.service.enter_room(session_of("bob"), "r")
    gateway.hidden.add("ada")
    # the service ignores the result of an older choice
    await gateway.service.set_visibility("ada", "online", is_hidden=False)
    await gateway.service.set_visibility("ada", "offline", is_hidden=True)
    assert gateway.store.rooms["r"] == {"bob": "online"}
    gateway.hidden.discard("ada")
    await gateway.service.set_visibility("ada", "offline", is_hidden=True)
    await gateway.service.set_visibility("ada", "busy", is_hidden=False)
    assert gateway.store.rooms["r"] == {"bob": "online", "ada": "busy"}


async def test_a_user_who_becomes_visible_again_enters_only_the_rooms_of_the_remaining_devices(
    gateway: Gateway,
) -> None:
    phone, desk = session_of("ada", "phone"), session_of("ada", "desk")
    for session, room in ((phone, "r"), (desk, "r"), (phone, "s"), (phone, "t")):
        await gateway.service.enter_room(session, room)
    gateway.hidden.add("ada")
    await gateway.service.set_visibility("ada", "offline", is_hidden=True)
    for session, room in ((phone, "r"), (phone, "s"), (phone, "never joined")):
        await gateway.service.leave_room(session, room)
    gateway.hidden.clear()
    await gateway.service.set_visibility("ada", "busy", is_hidden=False)
    assert {room for room, users in gateway.store.rooms.items() if "ada" in users} == {"r", "t"}


async def test_members_get_one_event_with_the_users_who_entered_and_left(gateway: Gateway) -> None:
    await gateway.service.enter_room(session_of("ada"), "r")
    gateway.receive("r", 3, entered="bob cy")
    gateway.receive("r", 2, left="cy")
    gateway.receive("elsewhere", 2, entered="dan")
    await gateway.service.send_diffs({})
    await gateway.service.send_diffs({})
    row = {"user": "bob", "name": "Bob", "status": "online"}
    event = {"room": "r", "change": "people", "occupancy": 2, "entered": [row], "left": ["cy"]}
    assert gateway.sender.take() == [("r", "room", event)]
    assert gateway.names.noted == {"bob": "Bob", "cy": "Cy"}


async def test_a_user_who_just_entered_is_in_the_answer_to_the_next_join(gateway: Gateway) -> None:
    await gateway.service.enter_room(session_of("ada"), "r")
    gateway.receive("r", 2, entered="bob")
    gateway.store.others["r"] = ["bob"]
    snapshot = await gateway.service.enter_room(session_of("cy"), "r")
    assert sorted(row["user"] for row in snapshot.members) == ["ada", "bob", "cy"]
    assert gateway.presence.queries == []


async def test_a_status_is_sent_to_members_and_kept_for_the_next_join(gateway: Gateway) -> None:
    gateway.store.others["r"] = ["bob"]
    await gateway.service.enter_room(session_of("ada"), "r")
    change = PresenceChange(user="bob", status="busy", last_seen=1)
    await gateway.service.send_statuses({"r": [change]})
    assert gateway.sender.take() == [("r", "presence", {"changes": [change]})]
    snapshot = await gateway.service.enter_room(session_of("cy"), "r")
    assert {row["user"]: row["status"] for row in snapshot.members}["bob"] == "busy"


async def test_members_of_a_large_room_get_only_the_occupancy(gateway: Gateway) -> None:
    await gateway.service.enter_room(session_of("ada"), "r")
    gateway.receive("r", MAX_PRESENCE_ROOM + 1, entered="bob")
    await gateway.service.send_diffs(gateway.watchers.take_counts())
    assert gateway.sender.take() == [
        ("r", "room", {"room": "r", "change": "people", "occupancy": MAX_PRESENCE_ROOM + 1})
    ]


async def test_a_user_who_left_a_room_is_still_watched_for_some_seconds(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEAVER_SECONDS", 0.05)
    await gateway.service.enter_room(session_of("ada"), "r")
    gateway.receive("r", 1, left="bob")
    assert "bob" in gateway.watchers.watched_users()
    await asyncio.sleep(0.06)
    await gateway.service.send_diffs({})
    assert "bob" not in gateway.watchers.watched_users()


async def test_a_refresh_publishes_local_users_whose_entry_was_missing_in_redis(gateway: Gateway) -> None:
    session = session_of("ada")
    await gateway.service.enter_room(session, "r")
    session.set_own_status("busy", NO_NOTE)
    gateway.store.lost, gateway.store.others["r"] = ["ada"], ["bob"]
    newcomers = await gateway.service.refresh_rooms()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert newcomers == {"bob"}
    assert gateway.store.published == [("r", OccupancyChange(2, [("ada", "Ada", "busy")]))]


async def test_a_refresh_does_not_publish_invisible_users(gateway: Gateway) -> None:
    for user in ("ada", "bob"):
        await gateway.service.enter_room(session_of(user), "r")
    gateway.hidden.add("ada")
    gateway.store.lost = ["ada", "bob"]
    await gateway.service.refresh_rooms()
    await until(lambda: gateway.store.published, "the visible user is published")
    assert gateway.store.published == [("r", OccupancyChange(2, [("bob", "Bob", "online")]))]


async def test_after_distrust_rooms_the_next_join_reads_the_room_again(gateway: Gateway) -> None:
    gateway.store.others["r"] = ["bob"]
    await gateway.service.enter_room(session_of("ada"), "r")
    gateway.service.distrust_rooms()
    gateway.store.others["r"] = ["cy"]
    await gateway.service.enter_room(session_of("dan"), "r")
    assert gateway.watchers.watched_users() == {"ada", "cy", "dan"}


async def test_members_whose_status_is_offline_are_left_out_of_a_page(gateway: Gateway) -> None:
    gateway.store.others["r"] = ["bob", "cy"]
    gateway.presence.statuses["cy"] = "offline"
    members, after = await gateway.service.page_members("r", None, 100)
    assert ([row["user"] for row in members], after) == (["bob"], None)


async def test_a_join_fails_while_presence_does_not_answer(gateway: Gateway) -> None:
    gateway.store.others["r"] = ["bob"]
    gateway.presence.is_away = True
    with pytest.raises(RoomcastError) as caught:
        await gateway.service.enter_room(session_of("ada"), "r")
    assert caught.value.code is Code.UNAVAILABLE
    gateway.presence.is_away = False
    assert (await gateway.service.enter_room(session_of("ada"), "r")).occupancy == 2
