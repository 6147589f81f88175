"""The plain send of the lane: it never takes what the event's own payload refuses."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.events import MAX_MESSAGE_BYTES, MessageSend
from gateway.chat import PlainSend

ROOM = "public:talk"
_seq = st.one_of(st.none(), st.integers(-1, 2), st.floats(), st.booleans(), st.just(2**53 + 1))
_payload = st.fixed_dictionaries(
    {},
    optional={
        "room": st.just(ROOM),
        "id": st.one_of(st.text(max_size=3), st.just("x" * 65), st.just("a-1"), st.integers(-5, 5)),
        "text": st.one_of(st.text(max_size=3), st.none(), st.integers(-5, 5)),
        "reply_to": _seq,
        "upload": st.one_of(st.none(), st.just("abcdefgh")),
        "other": st.none(),
    },
)


@given(_payload)
def test_what_is_plain_is_valid_and_means_the_same(payload: dict[str, Any]) -> None:
    text = orjson.dumps(payload)
    try:
        plain = msgspec.json.decode(text, type=PlainSend)
    except msgspec.DecodeError:
        return
    if not plain.has_valid_id():
        return
    whole = msgspec.convert(orjson.loads(text), MessageSend)
    assert msgspec.to_builtins(plain) == {key: getattr(whole, key) for key in ("room", "id", "text", "reply_to")}
    assert whole.upload is None


@pytest.mark.parametrize("message_id", ["a", "!~", "x" * 64])
def test_a_message_of_a_chat_is_plain(message_id: str) -> None:
    text = "é" * MAX_MESSAGE_BYTES
    sent = orjson.dumps({"room": ROOM, "id": message_id, "text": text, "reply_to": 7})
    plain = msgspec.json.decode(sent, type=PlainSend)
    assert plain.has_valid_id()
    assert (plain.room, plain.id, plain.text, plain.reply_to) == (ROOM, message_id, text, 7)


@pytest.mark.parametrize("message_id", ["a b", "é", "a\n", "\x7f", "a\u00a0"])
def test_an_id_that_is_no_id_is_not_plain(message_id: str) -> None:
    sent = orjson.dumps({"room": ROOM, "id": message_id, "text": "x"})
    assert not msgspec.json.decode(sent, type=PlainSend).has_valid_id()
