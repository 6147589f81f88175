"""Presence diffs: the users who entered and left a room since the last diff was sent to its members."""

from roomcast.contract.envelope import OccupancyChange
from roomcast.contract.limits import MAX_PRESENCE_ROOM
from roomcast.gateway.presence.diff import PresenceDiff, RecentLeavers


def row(user: str) -> tuple[str, str, str]:
    return (user, user.title(), "online")


def test_the_last_change_of_a_user_replaces_earlier_changes() -> None:
    diff = PresenceDiff()
    diff.add_change(OccupancyChange(2, [row("ada"), row("bob")]))
    diff.add_change(OccupancyChange(1, [], ["ada"]))
    diff.add_change(OccupancyChange(0, [], ["eve", "bob"]))
    diff.add_change(OccupancyChange(1, [row("eve")]))
    assert diff.named_change == OccupancyChange(1, [row("eve")], ["ada", "bob"])


def test_a_diff_is_applied_to_a_list_of_members() -> None:
    diff = PresenceDiff()
    diff.add_change(OccupancyChange(3, [row("eve")], ["bob"]))
    diff.add_change(OccupancyChange(4, [row("carol")]))
    diff.add_change(OccupancyChange(3, [], ["carol"]))
    assert diff.applied_to(["ada", "bob", "carol"]) == {"ada", "eve"}


def test_the_diff_of_a_large_room_has_only_the_occupancy() -> None:
    diff = PresenceDiff()
    diff.add_change(OccupancyChange(MAX_PRESENCE_ROOM + 1, [row("ada")]))
    assert (diff.occupancy, diff.named_change) == (MAX_PRESENCE_ROOM + 1, None)


def test_the_diff_of_a_room_that_shrinks_to_the_bound_has_names_again() -> None:
    diff = PresenceDiff()
    diff.add_change(OccupancyChange(MAX_PRESENCE_ROOM + 1, [], ["ada"]))
    diff.add_change(OccupancyChange(MAX_PRESENCE_ROOM, [], ["bob"]))
    assert diff.named_change == OccupancyChange(MAX_PRESENCE_ROOM, [], ["ada", "bob"])


def test_the_list_of_names_is_bounded_when_many_users_leave() -> None:
    diff = PresenceDiff()
    for left in range(10_000):
        diff.add_change(OccupancyChange(9_999 - left, [], [f"u{left}"]))
    assert (diff.occupancy, diff.named_change) == (0, None)


def test_take_expired_returns_a_bounded_number_of_leavers_after_their_time() -> None:
    leavers = RecentLeavers()
    for number in range(5):
        leavers.add_leaver("r", f"u{number}", due=10.0)
    leavers.add_leaver("s", "ada", due=20.0)
    assert leavers.take_expired(9.0, 10) == []
    assert [*leavers.take_expired(10.0, 3), *leavers.take_expired(10.0, 3)] == [
        ("r", f"u{number}") for number in range(5)
    ]
    assert leavers.take_expired(10.0, 3) == []
    assert leavers.in_room("s") == ["ada"]


def test_a_leaver_who_returns_in_time_does_not_expire() -> None:
    leavers = RecentLeavers()
    leavers.add_leaver("r", "ada", due=10.0)
    leavers.remove_leaver("r", "ada")
    leavers.add_leaver("s", "bob", due=10.0)
    leavers.forget_room("s")
    assert not leavers
    assert leavers.take_expired(11.0, 10) == []
