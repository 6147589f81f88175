"""The slot ranges and redirections that are read from the replies of a Redis Cluster, valid or not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from roomcast.adapter.redis.topology import Redirection, SlotRange, read_redirection, read_slots, slot_of

NODE = [b"10.0.0.1", 7000, b"id", []]


@pytest.mark.parametrize(
    ("node", "host"),
    [
        ([b"10.0.0.1", 7000, b"id"], "10.0.0.1"),
        ([b"", 7000, b"id", []], "asked"),
        ([None, 7000, b"id", [b"ip", b"10.0.0.9"]], "asked"),
        ([b"?", 7000, b"id", [b"hostname", b"x", b"ip", b"10.0.0.9"]], "10.0.0.9"),
    ],
)
def test_a_missing_endpoint_means_the_host_that_sent_the_reply(node: list[Any], host: str) -> None:
    assert read_slots([[0, 5, node, [b"replica", 1, b"id"]]], "asked") == [SlotRange(0, 5, host, 7000)]


@pytest.mark.parametrize(
    "slot_range",
    [
        None,
        [],
        [0],
        [0, 5],
        [0, 5, []],
        [0, 5, None],
        [0, 5, [b"h", None]],
        [0, 5, [b"h", 0, b"id"]],
        [0, 5, [b"?", 7000, b"id", []]],
        [0, 99_999, NODE],
        [5, 0, NODE],
        [-1, 3, NODE],
        [b"0", b"5", NODE],
    ],
)
def test_an_unusable_slot_range_is_left_out(slot_range: Any) -> None:
    assert read_slots([slot_range, [6, 9, NODE]], "asked") == [SlotRange(6, 9, "10.0.0.1", 7000)]


ANYTHING = st.recursive(
    st.none() | st.integers() | st.binary(max_size=5), lambda inner: st.lists(inner, max_size=5), max_leaves=20
)


@given(ANYTHING)
def test_any_reply_is_read_without_an_error(reply: Any) -> None:
    assert isinstance(read_slots(reply, "asked"), list)


@pytest.mark.parametrize(
    ("error", "to"),
    [
        ("MOVED 3999 127.0.0.1:6381", Redirection(False, 3999, "127.0.0.1", 6381)),
        ("ASK 3999 127.0.0.1:6381", Redirection(True, 3999, "127.0.0.1", 6381)),
        ("MOVED 3999 ::1:6381", Redirection(False, 3999, "::1", 6381)),
        ("MOVED 3999 :6381", Redirection(False, 3999, "", 6381)),
        ("MOVED 3999 ?:6381", Redirection(False, 3999, "", 6381)),
        ("MOVED", None),
        ("MOVED x y", None),
        ("ERR MOVED 1 a:2", None),
        ("READONLY You can't write", None),
    ],
)
def test_moved_and_ask_errors_are_redirections(error: str, to: Redirection | None) -> None:
    assert read_redirection(error) == to


@given(st.text(max_size=40))
def test_any_error_text_is_read_without_an_error(text: str) -> None:
    read_redirection(text)
    read_redirection(f"MOVED {text}")


@given(st.binary(max_size=30) | st.text(alphabet="ab{}", max_size=8).map(str.encode))
def test_the_slot_of_a_key_is_the_same_as_in_redis_py(key: bytes) -> None:
    assert slot_of(key) == key_slot(key)


def test_the_slot_of_the_check_value_of_crc_16() -> None:
    """The cluster specification gives this check value of CRC-16/XMODEM."""
    assert slot_of(b"123456789") == 0x31C3
