"""Cursors are encoded and decoded. Any other text is refused with an error code."""

from __future__ import annotations

import base64
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomcast.api.cursors import Cursor, Direction, decode, encode
from roomcast.contract.errors import Code, RoomcastError


@given(st.sampled_from(["before", "after"]), st.integers(1, 2**53), st.text("abcdef0123456789", max_size=16))
def test_an_encoded_cursor_is_decoded(direction: str, seq: int, epoch: str) -> None:
    cursor = Cursor(cast("Direction", direction), seq, epoch)
    assert decode(encode(cursor)) == cursor


@given(st.text(max_size=200))
def test_any_other_text_is_a_bad_request(text: str) -> None:
    with pytest.raises(RoomcastError) as caught:
        decode(text)
    assert caught.value.code is Code.BAD_REQUEST


@pytest.mark.parametrize("content", ['["before",0,"e"]', '["sideways",1,"e"]', '["before",1]', "7"])
def test_a_cursor_with_invalid_content_is_refused(content: str) -> None:
    with pytest.raises(RoomcastError):
        decode(base64.urlsafe_b64encode(content.encode()).decode())
