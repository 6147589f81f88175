"""What members of a room are told of those who come and go."""

from roomcast.contract.envelope import OccupancyChange
from roomcast.contract.events import MAX_PRESENCE_ROOM
from roomcast.gateway.presence.diff import PresenceDiff, RecentLeavers


def row(user: str) -> tuple[str, str, str]:
    return (user, user.title(), "online")


def test_later_notes_of_a_user_replace_earlier_ones() -> None:
    news = PresenceDiff()
    news.add(OccupancyChange(2, [row("ada"), row("bob")]))
    news.add(OccupancyChange(1, [], ["ada"]))
    news.add(OccupancyChange(0, [], ["eve", "bob"]))
    news.add(OccupancyChange(1, [row("eve")]))
    assert news.names == OccupancyChange(1, [row("eve")], ["ada", "bob"])


def test_what_was_heard_since_a_roster_was_read_is_worked_into_it() -> None:
    news = PresenceDiff()
    news.add(OccupancyChange(3, [row("eve")], ["bob"]))
    news.add(OccupancyChange(4, [row("carol")]))
    news.add(OccupancyChange(3, [], ["carol"]))
    assert news.applied_to(["ada", "bob", "carol"]) == {"ada", "eve"}


def test_of_a_large_room_only_the_count_is_told() -> None:
    news = PresenceDiff()
    news.add(OccupancyChange(MAX_PRESENCE_ROOM + 1, [row("ada")]))
    assert (news.occupancy, news.names) == (MAX_PRESENCE_ROOM + 1, None)


def test_a_room_that_just_became_small_enough_is_told_the_names_again() -> None:
    news = PresenceDiff()
    news.add(OccupancyChange(MAX_PRESENCE_ROOM + 1, [], ["ada"]))
    news.add(OccupancyChange(MAX_PRESENCE_ROOM, [], ["bob"]))
    assert news.names == OccupancyChange(MAX_PRESENCE_ROOM, [], ["ada", "bob"])


def test_when_a_crowd_leaves_the_list_of_names_stays_bounded() -> None:
    news = PresenceDiff()
    for left in range(10_000):
        news.add(OccupancyChange(9_999 - left, [], [f"u{left}"]))
    assert (news.occupancy, news.names) == (0, None)


def test_who_left_is_forgotten_when_it_is_time_a_bounded_number_at_once() -> None:
    departing = RecentLeavers()
    for number in range(5):
        departing.add("r", f"u{number}", due=10.0)
    departing.add("s", "ada", due=20.0)
    assert departing.take(9.0, 10) == []
    assert [*departing.take(10.0, 3), *departing.take(10.0, 3)] == [("r", f"u{number}") for number in range(5)]
    assert departing.take(10.0, 3) == []
    assert departing.of("s") == ["ada"]


def test_who_comes_back_in_time_is_not_departing_any_more() -> None:
    departing = RecentLeavers()
    departing.add("r", "ada", due=10.0)
    departing.back("r", "ada")
    departing.add("s", "bob", due=10.0)
    departing.drop_room("s")
    assert not departing
    assert departing.take(11.0, 10) == []
