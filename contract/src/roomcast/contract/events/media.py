"""Payloads of `media:…`, and the file in a message as gateways send it."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

from msgspec import Meta

from roomcast.contract.events.fields import Payload, Room, UploadId

Pixels = Annotated[int, Meta(ge=1, le=100_000)]


class MediaSign(Payload, frozen=True):
    room: Room
    name: Annotated[str, Meta(min_length=1, max_length=255)]
    type: Annotated[str, Meta(max_length=100)]
    """The type that the browser reports; empty if the operating system does not know the extension."""
    size: Annotated[int, Meta(ge=0, le=2**53)]
    width: Pixels | None = None
    height: Pixels | None = None


class MediaComplete(Payload, frozen=True):
    upload: UploadId
    parts: Annotated[list[dict[str, Any]], Meta(max_length=10_000)] | None = None


class MediaUrl(Payload, frozen=True):
    upload: UploadId


class Media(TypedDict, total=False):
    """A file in a message. Only the server writes these fields, from the file in the storage."""

    upload: str
    url: str
    type: str
    size: int
    name: str
    width: int
    height: int
    charset: str
    """The encoding of a text, as a label of the WHATWG Encoding Standard (`utf-8`, `utf-16le`, `windows-1252`)."""
    thumbnail: str
