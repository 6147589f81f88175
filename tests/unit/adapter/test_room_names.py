"""Each room key, of any type, has its own name. The name is decoded to an equal key."""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomcast.adapter.room_names import is_empty, is_several, name_of, room_of


class Color(str, Enum):  # noqa: UP042  (unlike a StrEnum, it is not formatted as its value)
    RED = "red"


class Number(IntEnum):
    TWO = 2


ROOMS = st.text() | st.integers() | st.floats(allow_nan=False) | st.uuids() | st.booleans()


@given(ROOMS)
def test_a_name_is_decoded_to_an_equal_room(room: Any) -> None:
    assert room_of(name_of(room)) == room


@given(ROOMS, ROOMS)
def test_different_rooms_have_different_names(one: Any, two: Any) -> None:
    assert (name_of(one) == name_of(two)) == (one == two)


@pytest.mark.parametrize(("room", "equal"), [(Color.RED, "red"), (Number.TWO, 2), (1.0, 1), (True, 1)])
def test_keys_that_are_equal_in_python_are_one_room(room: Any, equal: Any) -> None:
    assert name_of(room) == name_of(equal)


@pytest.mark.parametrize("room", [None, b"room", object(), ("a",)])
def test_a_room_key_of_another_type_is_refused(room: Any) -> None:
    with pytest.raises(TypeError, match="a room is a string, a number"):
        name_of(room)


def test_a_list_a_tuple_or_a_set_means_several_rooms() -> None:
    assert [is_several(room) for room in (["a"], ("a",), {"a"}, "ab", 42, Color.RED, UUID(int=1))] == [
        True,
        True,
        True,
        *[False] * 4,
    ]


def test_zero_is_not_an_empty_target() -> None:
    assert [is_empty(room) for room in ("", [], (), 0, 0.0, "a", [1])] == [True] * 3 + [False] * 4
