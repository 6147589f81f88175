"""From the arguments of an event to its payload, or to a code."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import Struct

from roomcast.contract import events
from roomcast.contract.errors import Code, RoomcastError
from roomcast.gateway.chat.namespace import read_payload

SEND = {"room": "public:lobby", "id": "a-1", "text": "hi"}


def refusal(payload_type: type[Struct], *args: Any) -> Code:
    with pytest.raises(RoomcastError) as caught:
        read_payload(payload_type, args)
    return caught.value.code


def test_a_payload_is_read_and_unknown_fields_are_ignored() -> None:
    got = read_payload(events.MessageSend, ({**SEND, "colour": "red"},))

    assert got == events.MessageSend(room="public:lobby", id="a-1", text="hi")


@pytest.mark.parametrize("args", [(), (SEND, SEND), ([SEND],), ("text",), (None,), (b"bytes",), (7,), (True,)])
def test_an_event_carries_exactly_one_object(args: tuple[Any, ...]) -> None:
    assert refusal(events.MessageSend, *args) is Code.BAD_REQUEST


@pytest.mark.parametrize(
    "change",
    [
        {"room": None},
        {"room": ""},
        {"room": "a b"},
        {"room": "lobby\n"},
        {"room": "é"},
        {"room": b"lobby"},
        {"id": "a\n"},
        {"id": "ein Leerzeichen"},
        {"text": 5},
        {"text": ["a"]},
        {"reply_to": 0},
        {"reply_to": 2**64},
        {"reply_to": 1.5},
        {"reply_to": True},
        {"upload": "../../etc"},
        {"upload": "A" * 22 + "\n"},
    ],
)
def test_fields_of_another_form_are_bad_requests(change: dict[str, Any]) -> None:
    assert refusal(events.MessageSend, {**SEND, **change}) is Code.BAD_REQUEST


def test_what_is_over_a_limit_is_too_large() -> None:
    assert refusal(events.MessageSend, {**SEND, "text": "x" * (events.MAX_MESSAGE_BYTES + 1)}) is Code.TOO_LARGE
    assert refusal(events.PresenceUsers, {"users": ["ada"] * (events.MAX_LIST + 1)}) is Code.TOO_LARGE
    assert refusal(events.Presence, {"note": "x" * 141}) is Code.TOO_LARGE


def test_a_user_id_ends_where_its_pattern_ends() -> None:
    assert refusal(events.RoomInvite, {"room": "team", "user": "ada\n"}) is Code.BAD_REQUEST
    assert refusal(events.PresenceUsers, {"users": ["ada\n"]}) is Code.BAD_REQUEST
