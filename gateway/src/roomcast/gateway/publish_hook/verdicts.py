"""Encode the requests of the publish hook, and decode the verdicts. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from roomcast.contract.events.fields import Data, Text
from roomcast.contract.ids import EVENT_NAME

MAX_DETAIL: Final = 200
RefusalCode = Annotated[str, Meta(pattern=rf"^(?:{EVENT_NAME})?\Z")]


class Accept(Struct, frozen=True, tag_field="action", tag="accept"):
    """Publish the message as it is."""


class Change(Struct, frozen=True, tag_field="action", tag="change"):
    """Publish the message with another text, other data, or both. The message keeps a field that is None here."""

    text: Text | None = None
    data: Data | None = None


class Refuse(Struct, frozen=True, tag_field="action", tag="refuse"):
    """Do not publish the message; the client gets the application's own `code`, and `detail`, a text for people."""

    code: RefusalCode = ""
    detail: Annotated[str, Meta(max_length=MAX_DETAIL)] = ""


Verdict = Accept | Change | Refuse
_decoder: Final = msgspec.json.Decoder(Verdict)


class BadAnswer(ValueError):
    """The answer is not a verdict."""


def read_verdict(body: bytes) -> Verdict:
    """Return the verdict in an answer's body; raise BadAnswer for anything else. Unknown fields are ignored."""
    try:
        verdict: Verdict = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswer(str(error)) from None
    if isinstance(verdict, Change) and verdict.text is None and verdict.data is None:
        raise BadAnswer("a change without text and data")
    return verdict


def request_body(message: dict[str, Any]) -> bytes:
    """Return the body of a request: the message without its empty fields."""
    return msgspec.json.encode({name: value for name, value in message.items() if value is not None})
