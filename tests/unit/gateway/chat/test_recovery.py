"""Recovery pages: whether the log still holds all entries after a position, and whether there are more pages."""

from __future__ import annotations

import pytest

from roomcast.gateway.chat.recovery import is_more, is_recoverable
from roomcast.gateway.stores.room_log import History


def page(seq: int, first: int, count: int = 0) -> History:
    return History(seq=seq, epoch="e1", first=first, time=0, entries=[b"{}"] * count)


@pytest.mark.parametrize(
    ("seq", "first", "since", "is_there"),
    [
        (10, 1, 0, True),
        (10, 1, 10, True),
        (10, 1, 11, False),
        (10, 5, 4, True),
        (10, 5, 3, False),
        (10, 11, 10, True),
        (10, 11, 9, False),
        (0, 1, 0, True),
    ],
)
def test_a_position_is_recoverable_if_all_later_entries_are_kept(
    seq: int, first: int, since: int, is_there: bool
) -> None:
    assert is_recoverable(page(seq, first), since, "e1") is is_there


def test_a_position_of_another_epoch_is_never_recoverable() -> None:
    assert not is_recoverable(page(10, 1), 5, "e2")
    assert not is_recoverable(page(10, 1), 5, "")


@pytest.mark.parametrize(
    ("seq", "count", "after", "more"), [(10, 4, 5, True), (10, 5, 5, False), (10, 0, 10, False), (10, 10, 0, False)]
)
def test_a_recovery_page_tells_whether_newer_entries_follow(seq: int, count: int, after: int, more: bool) -> None:
    assert is_more(page(seq, 1, count), after) is more


@pytest.mark.parametrize(
    ("seq", "first", "count", "more"),
    [(10, 1, 5, True), (10, 6, 5, False), (10, 1, 10, False), (0, 1, 0, False), (10, 11, 0, False)],
)
def test_a_first_page_tells_whether_the_log_keeps_older_entries(seq: int, first: int, count: int, more: bool) -> None:
    assert is_more(page(seq, first, count), None) is more
