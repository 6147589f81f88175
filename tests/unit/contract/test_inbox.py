"""The order and the pages of an inbox, and which users may enter or read a room."""

from __future__ import annotations

import random
from typing import Any

import pytest

from roomcast.contract.inbox import Line, page_of
from tests.unit.gateway.fakes import line_of


def test_the_pages_contain_each_room_once_in_the_order_of_activity() -> None:
    rng = random.Random(7)
    lines = [line_of(f"room{number}", active=rng.randrange(5)) for number in range(47)]
    seen: list[Line] = []
    after, more = None, True
    while more:
        page, more = page_of(lines, after, 10)
        seen += page
        after = page[-1].cursor
    assert seen == sorted(lines, key=lambda line: (-line.active, line.room))


def test_a_room_that_becomes_active_between_two_pages_does_not_hide_another_room() -> None:
    lines = [line_of(f"room{number}", active=number) for number in range(1, 6)]
    page, _ = page_of(lines, None, 2)
    moved = [line._replace(active=9) if line.room == "room1" else line for line in lines]
    rest, more = page_of(moved, page[-1].cursor, 10)
    assert [line.room for line in rest] == ["room3", "room2"]
    assert not more


@pytest.mark.parametrize(
    ("room", "fields", "by_token", "is_open"),
    [
        ("public:talk", {}, False, True),
        ("public:talk", {"is_banned": True}, False, False),
        ("dm:ada:bob", {}, False, True),
        ("dm:bob:eve", {"role": "member"}, True, False),
        ("team", {}, False, False),
        ("team", {}, True, True),
        ("team", {"role": "member"}, False, True),
        ("team", {"is_public": True}, False, True),
        ("team", {"role": "owner", "is_banned": True}, True, False),
    ],
)
def test_which_users_may_enter_a_room(room: str, fields: dict[str, Any], by_token: bool, is_open: bool) -> None:
    assert line_of(room, **fields).is_open(by_token=by_token) is is_open


@pytest.mark.parametrize(
    ("room", "fields", "is_listed", "reads"),
    [
        ("public:talk", {}, False, False),
        ("public:talk", {}, True, True),
        ("public:talk", {"is_banned": True}, True, False),
        ("dm:ada:bob", {}, False, True),
        ("dm:bob:eve", {}, True, False),
        ("team", {"role": "member"}, False, True),
        ("team", {}, True, True),
        ("team", {}, False, False),
    ],
)
def test_which_users_read_a_room_and_can_be_mentioned(
    room: str, fields: dict[str, Any], is_listed: bool, reads: bool
) -> None:
    assert line_of(room, **fields).reads_room(is_listed=is_listed) is reads
