"""The arguments of an event are converted to its payload, or refused with an error code."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import Struct

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.client_events import EVENTS
from roomcast.contract.events.messages import MessageSend
from roomcast.contract.events.presence import Presence, PresenceUsers
from roomcast.contract.events.rooms import RoomInvite, RoomJoin
from roomcast.contract.limits import MAX_LIST, MAX_MESSAGE_BYTES
from roomcast.gateway.chat.namespace import read_payload

SEND = {"room": "public:lobby", "id": "a-1", "text": "hi"}


def refusal(payload_type: type[Struct], *args: Any) -> Code:
    with pytest.raises(RoomcastError) as caught:
        read_payload(payload_type, args)
    return caught.value.code


def test_an_object_is_read_as_the_payload_of_its_event() -> None:
    assert read_payload(MessageSend, (SEND,)) == MessageSend(room="public:lobby", id="a-1", text="hi")


def test_the_error_for_an_unknown_field_names_the_field() -> None:
    with pytest.raises(RoomcastError, match="unknown field `colour`") as caught:
        read_payload(MessageSend, ({**SEND, "colour": "red"},))
    assert caught.value.code is Code.BAD_REQUEST


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_forbids_unknown_fields(event: str) -> None:
    assert EVENTS[event].__struct_config__.forbid_unknown_fields


def test_unknown_fields_of_nested_objects_are_refused_too() -> None:
    since = {"seq": 1, "epoch": "e", "colour": "red"}
    with pytest.raises(RoomcastError, match=r"unknown field `colour` - at `\$\.since`"):
        read_payload(RoomJoin, ({"room": "public:lobby", "since": since},))


@pytest.mark.parametrize("args", [(), (SEND, SEND), ([SEND],), ("text",), (None,), (b"bytes",), (7,), (True,)])
def test_arguments_other_than_one_object_are_refused(args: tuple[Any, ...]) -> None:
    assert refusal(MessageSend, *args) is Code.BAD_REQUEST


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
        {"data": []},
        {"data": "text"},
        {"data": {"bytes": b"x"}},
        {"data": {"half": "\ud83d"}},
        {"upload": "../../etc"},
        {"upload": "A" * 22 + "\n"},
    ],
)
def test_fields_of_a_wrong_type_or_form_are_bad_requests(change: dict[str, Any]) -> None:
    assert refusal(MessageSend, {**SEND, **change}) is Code.BAD_REQUEST


def test_a_field_above_its_limit_is_too_large() -> None:
    assert refusal(MessageSend, {**SEND, "text": "x" * (MAX_MESSAGE_BYTES + 1)}) is Code.TOO_LARGE
    assert refusal(PresenceUsers, {"users": ["ada"] * (MAX_LIST + 1)}) is Code.TOO_LARGE
    assert refusal(Presence, {"note": "x" * 141}) is Code.TOO_LARGE


def test_a_user_id_with_a_trailing_newline_is_refused() -> None:
    assert refusal(RoomInvite, {"room": "team", "user": "ada\n"}) is Code.BAD_REQUEST
    assert refusal(PresenceUsers, {"users": ["ada\n"]}) is Code.BAD_REQUEST
