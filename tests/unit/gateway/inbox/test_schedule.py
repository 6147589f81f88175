"""The schedule reads an active room soon, and once more when the script may announce its activity again."""

from __future__ import annotations

from roomcast.gateway.inbox.schedule import SETTLED_SECONDS, SOON_SECONDS, Due, Schedule


def reads_until(schedule: Schedule, until: float) -> list[tuple[float, Due]]:
    """Return all reads that are due up to the time `until`, each with its time."""
    found: list[tuple[float, Due]] = []
    while (at := schedule.next_at()) is not None and at <= until:
        found += [(round(at, 2), due) for due in schedule.take(at, 10)]
    return found


def test_an_active_room_is_read_soon_and_again_after_a_second() -> None:
    schedule = Schedule()
    schedule.note("a", 10.0)
    assert schedule.take(10.0, 10) == []
    assert not schedule.is_settled("a")
    assert reads_until(schedule, 20) == [(10.1, Due("a", is_last=False)), (11.05, Due("a", is_last=True))]
    assert schedule.is_settled("a")
    assert schedule.next_at() is None


def test_a_room_that_is_always_active_is_read_once_a_second() -> None:
    schedule, found = Schedule(), []
    for second in range(5):
        schedule.note("a", float(second))
        found += reads_until(schedule, second + 1.0)
    found += reads_until(schedule, 20)
    assert [at for at, due in found if not due.is_last] == [0.1, 1.1, 2.1, 3.1, 4.1]
    assert [at for at, due in found if due.is_last] == [5.05]


def test_a_late_first_read_replaces_the_second_read() -> None:
    schedule = Schedule()
    schedule.note("a", 0.0)
    assert schedule.take(SETTLED_SECONDS, 10) == [Due("a", is_last=True)]


def test_above_the_limit_the_rooms_that_waited_longest_are_read_first() -> None:
    schedule = Schedule()
    for number, room in enumerate("abc"):
        schedule.note(room, number / 100)
    now = SOON_SECONDS + 0.02
    assert [due.room for due in schedule.take(now, 2)] == ["a", "b"]
    assert [due.room for due in schedule.take(now, 2)] == ["c"]


def test_a_room_noted_as_unsettled_gets_only_the_later_read() -> None:
    schedule = Schedule()
    schedule.note_unsettled("a", 0.0)
    assert reads_until(schedule, 20) == [(1.05, Due("a", is_last=True))]
