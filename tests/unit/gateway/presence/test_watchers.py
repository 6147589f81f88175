"""Watchers collect presence changes into one list per room and one list per watching connection."""

from __future__ import annotations

import pytest

from roomcast.contract.envelope import PresenceRow
from roomcast.contract.errors import Code, RoomcastError
from roomcast.gateway.presence.watchers import Deliveries, Watchers
from tests.clock import Clock


def taken(watchers: Watchers) -> Deliveries:
    """Take all deliveries that are due."""
    out = Deliveries({}, {})
    counts = [watchers.take_change(user, out) for user in watchers.due_users()]
    assert sum(counts) == sum(map(len, [*out.rooms.values(), *out.connections.values()]))
    return out


@pytest.fixture
def clock() -> Clock:
    return Clock()


class TestWatchers:
    def test_a_room_gets_the_latest_change_of_each_user(self, clock: Clock) -> None:
        watchers = Watchers(clock)
        assert watchers.set_occupants("lobby", ["ada", "bob"], 2) == ["ada", "bob"]
        watchers.apply_changes(
            [PresenceRow("ada", "away", 1), PresenceRow("ada", "busy", 2, "call"), PresenceRow("zoe", "online", 3)]
        )
        out = taken(watchers)
        assert out.rooms == {"lobby": [{"user": "ada", "status": "busy", "last_seen": 2, "note": "call"}]}
        assert out.connections == {}
        assert taken(watchers).rooms == {}

    def test_a_change_to_offline_waits_and_a_quick_return_replaces_it(self, clock: Clock) -> None:
        watchers = Watchers(clock, linger_seconds=2)
        watchers.set_occupants("lobby", ["ada", "bob"], 2)
        watchers.apply_changes([PresenceRow("ada", "offline", 1), PresenceRow("bob", "offline", 1)])
        clock.now += 1
        assert taken(watchers).rooms == {}
        watchers.apply_changes([PresenceRow("ada", "online", 2)])
        clock.now += 1
        rows = taken(watchers).rooms["lobby"]
        assert {row["user"]: row["status"] for row in rows} == {"ada": "online", "bob": "offline"}

    def test_a_due_change_that_a_later_change_replaced_is_not_delivered(self, clock: Clock) -> None:
        watchers = Watchers(clock)
        watchers.watch("c1", ["ada", "bob"])
        watchers.apply_changes([PresenceRow("ada", "busy", 1), PresenceRow("bob", "busy", 1)])
        out = Deliveries({}, {})
        due = watchers.due_users()
        watchers.apply_changes([PresenceRow("ada", "offline", 2)])
        assert [watchers.take_change(user, out) for user in [*due, "bob"]] == [0, 1, 0]
        assert [row["user"] for row in out.connections["c1"]] == ["bob"]
        assert watchers.is_pending

    def test_a_user_who_enters_a_room_is_not_reported_offline(self, clock: Clock) -> None:
        watchers = Watchers(clock)
        watchers.watch("c1", ["ada", "bob"])
        watchers.apply_changes([PresenceRow("ada", "offline", 1), PresenceRow("bob", "busy", 1)])
        watchers.cancel_offline(["ada", "bob", "cy"])
        clock.now += 9
        assert [row["user"] for row in taken(watchers).connections["c1"]] == ["bob"]

    def test_large_rooms_get_the_occupancy_instead_of_changes(self, clock: Clock) -> None:
        watchers = Watchers(clock, room_limit=2)
        watchers.set_occupants("hall", ["ada", "bob"], 2)
        assert watchers.set_occupants("hall", ["ada", "bob"], 3) == []
        watchers.apply_changes([PresenceRow("ada", "away", 1)])
        out = taken(watchers)
        assert (out.rooms, watchers.take_counts()) == ({}, {"hall": 3})
        watchers.set_occupants("hall", [], 3)
        assert watchers.take_counts() == {}
        assert watchers.set_occupants("hall", ["bob"], 1) == ["bob"]

    def test_set_occupants_adds_newcomers_and_removes_users_who_left(self, clock: Clock) -> None:
        watchers = Watchers(clock)
        watchers.set_occupants("lobby", ["ada", "bob"], 2)
        assert watchers.set_occupants("lobby", ["bob", "cy"], 2) == ["cy"]
        watchers.apply_changes([PresenceRow("ada", "away", 1), PresenceRow("cy", "away", 1)])
        assert [row["user"] for row in taken(watchers).rooms["lobby"]] == ["cy"]

    def test_add_occupant_and_remove_occupant_change_the_watched_users(self, clock: Clock) -> None:
        watchers = Watchers(clock, room_limit=2)
        watchers.set_occupants("lobby", ["ada"], 1)
        watchers.add_occupant("lobby", "bob", 2)
        watchers.remove_occupant("lobby", "ada")
        watchers.remove_occupant("elsewhere", "ada")
        assert watchers.watched_users() == {"bob"}
        watchers.add_occupant("lobby", "cy", 3)
        assert watchers.watched_users() == set()
        assert watchers.take_counts() == {"lobby": 3}

    def test_each_watching_connection_gets_the_changes_of_its_own_list(self, clock: Clock) -> None:
        watchers = Watchers(clock)
        watchers.watch("c1", ["ada", "bob"])
        watchers.watch("c2", ["bob"])
        assert watchers.watched_users() == {"ada", "bob"}
        watchers.unwatch("c1", ["ada", "stranger"])
        watchers.unwatch("c9", ["ada"])
        watchers.apply_changes([PresenceRow("ada", "online", 1), PresenceRow("bob", "away", 1)])
        out = taken(watchers)
        assert {c: [row["user"] for row in rows] for c, rows in out.connections.items()} == {
            "c1": ["bob"],
            "c2": ["bob"],
        }

    def test_only_watchers_that_asked_for_devices_get_devices(self, clock: Clock) -> None:
        watchers = Watchers(clock)
        watchers.set_occupants("lobby", ["ada"], 1)
        watchers.watch("c1", ["ada"])
        watchers.watch("c2", ["ada"], devices=True)
        watchers.watch("c2", ["ada"])
        row = PresenceRow("ada", "online", 1, "call", 9_000, [("web", "online"), ("", "away")])
        watchers.apply_changes([row])
        out = taken(watchers)
        change = {"user": "ada", "status": "online", "last_seen": 1, "note": "call", "until": 9_000}
        assert (out.rooms, out.connections["c1"]) == ({"lobby": [change]}, [change])
        assert out.connections["c2"] == [
            {**change, "devices": [{"kind": "web", "status": "online"}, {"status": "away"}]}
        ]

    def test_a_change_of_devices_alone_is_sent_only_to_watchers_that_asked_for_devices(self, clock: Clock) -> None:
        watchers = Watchers(clock)
        watchers.set_occupants("lobby", ["ada"], 1)
        watchers.watch("c1", ["ada"])
        watchers.watch("c2", ["ada"], devices=True)
        change = PresenceRow("ada", "online", 1, devices=[("web", "online")], is_shown=False)
        watchers.apply_changes([change])
        out = taken(watchers)
        assert (out.rooms, list(out.connections)) == ({}, ["c2"])
        watchers.apply_changes([PresenceRow("ada", "online", 2), change])
        out = taken(watchers)
        assert (list(out.rooms), sorted(out.connections)) == (["lobby"], ["c1", "c2"])
        watchers.unwatch("c2", ["ada"])
        watchers.watch("c2", ["ada"])
        watchers.apply_changes([change])
        assert taken(watchers).connections == {}

    def test_a_watch_list_above_its_limit_is_refused(self, clock: Clock) -> None:
        watchers = Watchers(clock, watch_limit=2)
        watchers.watch("c1", ["ada", "bob"])
        watchers.watch("c1", ["bob"])
        with pytest.raises(RoomcastError) as caught:
            watchers.watch("c1", ["cy"])
        assert caught.value.code is Code.TOO_LARGE
        watchers.apply_changes([PresenceRow("cy", "online", 1)])
        assert taken(watchers).connections == {}

    def test_after_the_last_watcher_all_dicts_are_empty(self, clock: Clock) -> None:
        watchers = Watchers(clock)
        watchers.set_occupants("lobby", ["ada"], 1)
        watchers.watch("c1", ["ada"], devices=True)
        watchers.apply_changes([PresenceRow("ada", "away", 1)])
        watchers.forget_room("lobby")
        watchers.forget_connection("c1")
        watchers.forget_connection("c1")
        out = taken(watchers)
        assert (out.rooms, out.connections) == ({}, {})
        kept = [value for name, value in vars(watchers).items() if isinstance(value, dict)]
        assert kept
        assert not any(kept)
