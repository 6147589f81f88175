"""All keys of a room share one hash tag. The tag contains no braces, whatever the name of the room."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomcast.contract import keys


@given(st.text(max_size=40))
def test_tags_are_reversible_and_contain_no_braces(name: str) -> None:
    try:
        tag = keys.tag(name)
    except UnicodeEncodeError:
        return  # a lone surrogate; no valid id contains one
    assert not set(tag) & set("{}\n\r\0")
    assert unquote(tag) == name


@pytest.mark.parametrize("room", ["public:lobby", "we{ird}", "%7B"])
def test_all_keys_of_a_room_share_its_tag(room: str) -> None:
    makers = [maker for name, maker in vars(keys).items() if name.startswith("room_")]
    assert len(makers) >= 13
    tags = {re.fullmatch(r"room:\{([^{}]*)\}.*", make(room))[1] for make in makers}  # type: ignore[index]
    assert tags == {keys.tag(room)}
