"""Presence in a gateway: signs of life become batches, changes become one list a second."""

from __future__ import annotations

from typing import Any

import pytest

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.keys import presence_shard
from roomcast.gateway.presence.activity import Activity, Batch, Touch, Watchers


def batch(full: list[Touch], living: list[str], left: list[tuple[str, str]]) -> Batch:
    """A batch as it is expected; the people who live in one list."""
    keep: dict[int, set[str]] = {}
    for user in living:
        keep.setdefault(presence_shard(user), set()).add(user)
    return Batch(full, keep, left)


def kept(taken: Batch) -> list[str]:
    return [user for users in taken.keep.values() for user in users]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attendance(clock: Clock) -> Activity:
    return Activity(clock)


class TestAttendance:
    def test_a_new_connection_is_written_in_full_once(self, attendance: Activity) -> None:
        attendance.enter("c1", "ada", note="hi")
        assert attendance.is_urgent
        assert attendance.take() == batch([Touch("ada", "c1", "online", "hi")], [], [])
        assert not attendance.is_urgent
        assert not attendance.take()

    def test_signs_of_life_become_one_name_per_user(self, attendance: Activity) -> None:
        for connection in ("c1", "c2"):
            attendance.enter(connection, "ada")
        attendance.take()
        for _ in range(3):
            attendance.seen("c1")
            attendance.seen("c2")
        assert not attendance.is_urgent
        assert attendance.take() == batch([], ["ada"], [])
        assert not attendance.take()

    def test_signs_of_life_may_wait_while_changes_go_out(self, attendance: Activity) -> None:
        attendance.enter("c1", "ada")
        attendance.enter("c2", "bob")
        attendance.take()
        attendance.seen("c2")
        attendance.update("c1", "away", None)
        assert attendance.take(signs=False) == batch([Touch("ada", "c1", "away", "")], [], [])
        assert not attendance.take(signs=False)
        assert attendance.take() == batch([], ["bob"], [])  # of ada the full state was a sign

    def test_the_full_state_is_written_again_from_time_to_time(self, attendance: Activity, clock: Clock) -> None:
        attendance.enter("c1", "ada")
        attendance.take()
        clock.now += 121
        assert not attendance.take()
        attendance.seen("c1")
        assert [row.connection for row in attendance.take().full] == ["c1"]

    def test_only_a_real_change_is_urgent(self, attendance: Activity) -> None:
        attendance.enter("c1", "ada")
        attendance.take()
        assert not attendance.update("c1", "online", None)
        assert not attendance.is_urgent
        assert attendance.update("c1", "away", None)
        assert attendance.update("c1", None, "lunch")
        assert attendance.take() == batch([Touch("ada", "c1", "away", "lunch")], [], [])
        assert attendance.update("c1", None, "")

    def test_leaving_is_said_once_and_forgets_the_rest(self, attendance: Activity) -> None:
        attendance.enter("c1", "ada")
        attendance.seen("c1")
        attendance.leave("c1")
        attendance.leave("c1")
        attendance.seen("c1")
        assert not attendance.update("c1", "away", None)
        assert attendance.take() == batch([], [], [("ada", "c1")])
        assert len(attendance) == 0
        assert not attendance.connections("ada")

    def test_a_failed_flush_goes_out_with_the_next(self, attendance: Activity) -> None:
        attendance.enter("c1", "ada")
        attendance.enter("c2", "bob")
        attendance.enter("c3", "cy")
        attendance.take()
        attendance.update("c1", "busy", None)
        attendance.seen("c2")
        attendance.leave("c3")
        attendance.restore(attendance.take())
        assert attendance.take() == batch([Touch("ada", "c1", "busy", "")], ["bob"], [("cy", "c3")])

    def test_what_left_during_a_failed_flush_stays_gone(self, attendance: Activity) -> None:
        attendance.enter("c1", "ada")
        taken = attendance.take()
        attendance.leave("c1")
        attendance.restore(taken)
        assert attendance.take() == batch([], [], [("ada", "c1")])

    def test_unknown_users_are_written_in_full(self, attendance: Activity) -> None:
        attendance.enter("c1", "ada")
        attendance.enter("c2", "ada")
        attendance.take()
        attendance.unknown(["ada", "stranger"])
        assert sorted(row.connection for row in attendance.take().full) == ["c1", "c2"]

    def test_refresh_writes_everybody(self, attendance: Activity) -> None:
        attendance.enter("c1", "ada")
        attendance.enter("c2", "bob")
        attendance.take()
        attendance.refresh()
        assert len(attendance.take().full) == 2

    def test_a_storm_comes_in_parts(self, attendance: Activity) -> None:
        for n in range(1200):
            attendance.enter(f"c{n}", f"user{n}")
            attendance.seen(f"c{n}")
        sizes = []
        while attendance.is_urgent:
            sizes.append(len(attendance.take().full))
        assert sizes == [500, 500, 200]
        for n in range(1200):
            attendance.leave(f"c{n}")
        left: list[Any] = []
        while attendance.is_urgent:
            left += attendance.take().left
        assert len(set(left)) == 1200

    def test_signs_of_life_of_many_come_in_parts(self, attendance: Activity) -> None:
        for n in range(4500):
            attendance.enter(f"c{n}", f"user{n}")
        while attendance.is_urgent:
            attendance.take()
        for n in range(4500):
            attendance.seen(f"c{n}")
        parts = [kept(attendance.take())]
        while attendance.is_urgent:
            parts.append(kept(attendance.take()))
        parts.append(kept(attendance.take()))  # less than a batch waits for the next second
        assert [len(part) for part in parts] == [2000, 2000, 500]
        assert len(set().union(*parts)) == 4500

    def test_visibility_is_about_users_connected_here(self, attendance: Activity) -> None:
        attendance.enter("c1", "ada")
        rows = [("ada", "offline", 1, ""), ("bob", "offline", 1, ""), ("ada", "online", 2, "")]
        assert attendance.visibility(rows) == [("ada", True), ("ada", False)]


class TestWatchers:
    def test_a_room_hears_each_user_once_with_the_latest(self, clock: Clock) -> None:
        watchers = Watchers(clock)
        assert watchers.roster("lobby", ["ada", "bob"], 2) == ["ada", "bob"]
        watchers.apply([("ada", "away", 1, ""), ("ada", "busy", 2, "call"), ("zoe", "online", 3, "")])
        out = watchers.flush()
        assert out.rooms == {"lobby": [{"user": "ada", "status": "busy", "last_seen": 2, "note": "call"}]}
        assert out.connections == {}
        assert watchers.flush().rooms == {}

    def test_offline_waits_and_a_quick_return_replaces_it(self, clock: Clock) -> None:
        watchers = Watchers(clock, linger_seconds=2)
        watchers.roster("lobby", ["ada", "bob"], 2)
        watchers.apply([("ada", "offline", 1, ""), ("bob", "offline", 1, "")])
        clock.now += 1
        assert watchers.flush().rooms == {}
        watchers.apply([("ada", "online", 2, "")])
        clock.now += 1
        rows = watchers.flush().rooms["lobby"]
        assert {row["user"]: row["status"] for row in rows} == {"ada": "online", "bob": "offline"}

    def test_large_rooms_get_counts_only(self, clock: Clock) -> None:
        watchers = Watchers(clock, room_limit=2)
        watchers.roster("hall", ["ada", "bob"], 2)
        assert watchers.roster("hall", ["ada", "bob"], 3) == []
        watchers.apply([("ada", "away", 1, "")])
        out = watchers.flush()
        assert (out.rooms, out.occupancies) == ({}, {"hall": 3})
        watchers.roster("hall", [], 3)
        assert watchers.flush().occupancies == {}
        assert watchers.roster("hall", ["bob"], 1) == ["bob"]

    def test_a_roster_names_newcomers_and_forgets_who_left(self, clock: Clock) -> None:
        watchers = Watchers(clock)
        watchers.roster("lobby", ["ada", "bob"], 2)
        assert watchers.roster("lobby", ["bob", "cy"], 2) == ["cy"]
        watchers.apply([("ada", "away", 1, ""), ("cy", "away", 1, "")])
        assert [row["user"] for row in watchers.flush().rooms["lobby"]] == ["cy"]

    def test_people_arrive_and_depart_one_by_one(self, clock: Clock) -> None:
        watchers = Watchers(clock, room_limit=2)
        watchers.roster("lobby", ["ada"], 1)
        watchers.arrive("lobby", "bob", 2)
        watchers.depart("lobby", "ada")
        watchers.depart("elsewhere", "ada")
        assert watchers.users() == {"bob"}
        watchers.arrive("lobby", "cy", 3)
        assert watchers.users() == set()
        assert watchers.flush().occupancies == {"lobby": 3}

    def test_watching_connections_get_their_own_lists(self, clock: Clock) -> None:
        watchers = Watchers(clock)
        watchers.watch("c1", ["ada", "bob"])
        watchers.watch("c2", ["bob"])
        assert watchers.users() == {"ada", "bob"}
        watchers.unwatch("c1", ["ada", "stranger"])
        watchers.unwatch("c9", ["ada"])
        watchers.apply([("ada", "online", 1, ""), ("bob", "away", 1, "")])
        out = watchers.flush()
        assert {c: [row["user"] for row in rows] for c, rows in out.connections.items()} == {
            "c1": ["bob"],
            "c2": ["bob"],
        }

    def test_a_watch_list_is_bounded(self, clock: Clock) -> None:
        watchers = Watchers(clock, watch_limit=2)
        watchers.watch("c1", ["ada", "bob"])
        watchers.watch("c1", ["bob"])
        with pytest.raises(RoomcastError) as caught:
            watchers.watch("c1", ["cy"])
        assert caught.value.code is Code.TOO_LARGE
        watchers.apply([("cy", "online", 1, "")])
        assert watchers.flush().connections == {}

    def test_nothing_stays_behind(self, clock: Clock) -> None:
        watchers = Watchers(clock)
        watchers.roster("lobby", ["ada"], 1)
        watchers.watch("c1", ["ada"])
        watchers.apply([("ada", "away", 1, "")])
        watchers.drop_room("lobby")
        watchers.drop_connection("c1")
        watchers.drop_connection("c1")
        out = watchers.flush()
        assert (out.rooms, out.connections) == ({}, {})
        kept = [value for name, value in vars(watchers).items() if isinstance(value, dict)]
        assert not any(kept)
