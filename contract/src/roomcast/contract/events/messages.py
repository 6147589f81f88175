"""Payloads of `message:…` and `receipt:read`: send, change and read messages. Reports are in `moderation`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from roomcast.contract.events.fields import ClientId, Data, Limit, Payload, ReadSeq, Room, Seq, Text, UploadId, User
from roomcast.contract.limits import MAX_MENTIONS

Emoji = Annotated[str, Meta(min_length=1, max_length=16)]
Mentions = Annotated[list[User], Meta(min_length=1, max_length=MAX_MENTIONS)]


class MessageSend(Payload, frozen=True):
    """Write a message: a text, an upload, data, or several of them."""

    room: Room
    id: ClientId
    text: Text | None = None
    upload: UploadId | None = None
    reply_to: Seq | None = None
    data: Data | None = None
    mentions: Mentions | None = None


class MessageEdit(Payload, frozen=True):
    """Change the text of a message, its data, or both. A missing field does not change."""

    room: Room
    id: ClientId
    target: Seq
    text: Text | None = None
    data: Data | None = None


class MessageDelete(Payload, frozen=True):
    room: Room
    id: ClientId
    target: Seq


class MessageReact(Payload, frozen=True):
    room: Room
    id: ClientId
    target: Seq
    emoji: Emoji
    on: bool


class MessageHistory(Payload, frozen=True):
    room: Room
    before: Seq | None = None
    limit: Limit = 50


class ReceiptRead(Payload, frozen=True):
    room: Room
    seq: ReadSeq
