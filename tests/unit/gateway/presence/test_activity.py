"""Activity collects signs of life and changes of presence into batches for Redis."""

from __future__ import annotations

import pytest

from roomcast.contract.envelope import PresenceRow
from roomcast.contract.keys import presence_shard
from roomcast.gateway.presence.activity import Activity, Batch, Touch
from tests.clock import Clock


def batch(full: list[Touch], living: list[str], left: list[tuple[str, str]]) -> Batch:
    """Return an expected batch; `living` are the users with a sign of life."""
    alive: dict[int, set[str]] = {}
    for user in living:
        alive.setdefault(presence_shard(user), set()).add(user)
    return Batch(full, alive, left)


def alive_users(taken: Batch) -> list[str]:
    return [user for users in taken.alive.values() for user in users]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def activity(clock: Clock) -> Activity:
    return Activity(clock)


class TestActivity:
    def test_a_new_connection_is_written_in_full_once(self, activity: Activity) -> None:
        activity.add_connection("c1", "ada", "online", "hi")
        assert activity.is_urgent
        assert activity.take_batch() == batch([Touch("ada", "c1", "online", "hi")], [], [])
        assert not activity.is_urgent
        assert not activity.take_batch()

    def test_a_batch_names_each_user_with_signs_of_life_once(self, activity: Activity) -> None:
        for connection in ("c1", "c2"):
            activity.add_connection(connection, "ada")
        activity.take_batch()
        for _ in range(3):
            activity.mark_seen("c1")
            activity.mark_seen("c2")
        assert not activity.is_urgent
        assert activity.take_batch() == batch([], ["ada"], [])
        assert not activity.take_batch()

    def test_a_batch_without_signs_of_life_leaves_them_for_the_next_batch(self, activity: Activity) -> None:
        activity.add_connection("c1", "ada")
        activity.add_connection("c2", "bob")
        activity.take_batch()
        activity.mark_seen("c2")
        activity.set_status("c1", "away", None)
        assert activity.take_batch(signs=False) == batch([Touch("ada", "c1", "away", "", True)], [], [])
        assert not activity.take_batch(signs=False)
        assert activity.take_batch() == batch([], ["bob"], [])  # the full state of ada also counted as a sign of life

    def test_the_full_state_is_written_again_periodically(self, activity: Activity, clock: Clock) -> None:
        activity.add_connection("c1", "ada")
        activity.take_batch()
        clock.now += 121
        assert not activity.take_batch()
        activity.mark_seen("c1")
        assert [row.connection for row in activity.take_batch().full] == ["c1"]

    def test_setting_an_unchanged_status_is_not_urgent(self, activity: Activity) -> None:
        activity.add_connection("c1", "ada", "online")
        activity.take_batch()
        assert not activity.set_status("c1", "online", None)
        assert not activity.is_urgent
        assert activity.set_status("c1", "away", None)
        assert activity.set_status("c1", None, "lunch")
        assert activity.take_batch() == batch([Touch("ada", "c1", "away", "lunch", True)], [], [])
        assert activity.set_status("c1", None, "")

    def test_a_connection_without_a_status_is_written_without_a_status(self, activity: Activity) -> None:
        activity.add_connection("c1", "ada")
        activity.add_connection("c2", "bob", "invisible")
        activity.add_connection("c3", "cy", "online")
        rows = {row.user: (row.status, row.is_choice) for row in activity.take_batch().full}
        assert rows == {"ada": (None, False), "bob": ("invisible", True), "cy": ("online", False)}

    def test_a_chosen_status_is_written_as_a_choice_once(self, activity: Activity) -> None:
        activity.add_connection("c1", "ada")
        activity.set_status("c1", "busy", None)
        activity.restore_batch(activity.take_batch())
        assert activity.take_batch() == batch([Touch("ada", "c1", "busy", "", True)], [], [])
        activity.rewrite_all()
        assert activity.take_batch() == batch([Touch("ada", "c1", "busy", "", False)], [], [])

    def test_a_chosen_status_is_written_also_if_its_connection_has_ended(self, activity: Activity) -> None:
        activity.add_connection("c1", "ada")
        activity.take_batch()
        activity.set_status("c1", "invisible", None)
        activity.remove_connection("c1")
        activity.restore_batch(activity.take_batch())
        assert activity.take_batch() == batch([Touch("ada", "c1", "invisible", "", True)], [], [("ada", "c1")])
        assert not activity.take_batch()

    def test_the_end_of_a_connection_is_written_once_and_replaces_its_other_changes(self, activity: Activity) -> None:
        activity.add_connection("c1", "ada")
        activity.mark_seen("c1")
        activity.remove_connection("c1")
        activity.remove_connection("c1")
        activity.mark_seen("c1")
        assert not activity.set_status("c1", "away", None)
        assert activity.take_batch() == batch([], [], [("ada", "c1")])
        assert not activity.take_batch()
        assert len(activity) == 0
        assert not activity.connections_of("ada")

    def test_the_content_of_a_failed_batch_is_written_with_the_next_batch(self, activity: Activity) -> None:
        activity.add_connection("c1", "ada")
        activity.add_connection("c2", "bob")
        activity.add_connection("c3", "cy")
        activity.take_batch()
        activity.set_status("c1", "busy", None)
        activity.mark_seen("c2")
        activity.remove_connection("c3")
        activity.restore_batch(activity.take_batch())
        assert activity.take_batch() == batch([Touch("ada", "c1", "busy", "", True)], ["bob"], [("cy", "c3")])

    def test_a_connection_that_ended_during_a_failed_write_is_not_written_in_full_again(
        self, activity: Activity
    ) -> None:
        activity.add_connection("c1", "ada")
        taken = activity.take_batch()
        activity.remove_connection("c1")
        activity.restore_batch(taken)
        assert activity.take_batch() == batch([], [], [("ada", "c1")])

    def test_rewrite_users_writes_all_connections_of_the_users_in_full(self, activity: Activity) -> None:
        activity.add_connection("c1", "ada")
        activity.add_connection("c2", "ada")
        activity.take_batch()
        activity.rewrite_users(["ada", "stranger"])
        assert sorted(row.connection for row in activity.take_batch().full) == ["c1", "c2"]

    def test_rewrite_all_writes_all_connections_in_full(self, activity: Activity) -> None:
        activity.add_connection("c1", "ada")
        activity.add_connection("c2", "bob")
        activity.take_batch()
        activity.rewrite_all()
        assert sorted(row.connection for row in activity.take_batch().full) == ["c1", "c2"]

    def test_many_changes_are_split_into_batches(self, activity: Activity) -> None:
        for n in range(1200):
            activity.add_connection(f"c{n}", f"user{n}")
            activity.mark_seen(f"c{n}")
        sizes = []
        while activity.is_urgent:
            sizes.append(len(activity.take_batch().full))
        assert sizes == [500, 500, 200]
        for n in range(1200):
            activity.remove_connection(f"c{n}")
        parts: list[list[tuple[str, str]]] = []
        while activity.is_urgent:
            parts.append(activity.take_batch().left)
        assert [len(part) for part in parts] == [500, 500, 200]
        left = [each for part in parts for each in part]
        assert sorted(left) == sorted((f"user{n}", f"c{n}") for n in range(1200))

    def test_many_signs_of_life_are_split_into_batches(self, activity: Activity) -> None:
        for n in range(4500):
            activity.add_connection(f"c{n}", f"user{n}")
        while activity.is_urgent:
            activity.take_batch()
        for n in range(4500):
            activity.mark_seen(f"c{n}")
        parts = [alive_users(activity.take_batch())]
        while activity.is_urgent:
            parts.append(alive_users(activity.take_batch()))
        parts.append(alive_users(activity.take_batch()))  # signs that do not fill a batch wait for the next second
        assert [len(part) for part in parts] == [2000, 2000, 500]
        assert len(set().union(*parts)) == 4500

    def test_find_hidden_returns_only_users_of_this_gateway(self, activity: Activity) -> None:
        activity.add_connection("c1", "ada")
        rows = [PresenceRow("ada", "offline", 1), PresenceRow("bob", "offline", 1), PresenceRow("ada", "online", 2)]
        assert activity.find_hidden(rows) == [("ada", True), ("ada", False)]
