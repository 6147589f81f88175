"""The types of fields that several payloads have, and the base of all payloads."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from roomcast.contract.ids import CLIENT_ID_CHARACTER, MAX_CLIENT_ID, ROOM_PATTERN, USER_PATTERN
from roomcast.contract.limits import MAX_LIST, MAX_MESSAGE_BYTES, MAX_SEQ
from roomcast.contract.texts import MAX_NAME

Room = Annotated[str, Meta(pattern=ROOM_PATTERN)]
User = Annotated[str, Meta(pattern=USER_PATTERN)]
ClientId = Annotated[str, Meta(min_length=1, max_length=MAX_CLIENT_ID, pattern=rf"^{CLIENT_ID_CHARACTER}+\Z")]
Seq = Annotated[int, Meta(ge=1, le=MAX_SEQ)]
ReadSeq = Annotated[int, Meta(ge=0, le=MAX_SEQ)]
"""The `seq` of a read mark; 0 in an empty room."""
Limit = Annotated[int, Meta(ge=1, le=MAX_LIST)]
Text = Annotated[str, Meta(min_length=1, max_length=MAX_MESSAGE_BYTES)]
Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
Data = dict[str, Any]
"""A JSON object of the application. `roomcast.contract.app_data` checks its size and depth."""
UploadId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{8,64}\Z")]
Users = Annotated[list[User], Meta(max_length=MAX_LIST)]


class Payload(Struct, frozen=True, forbid_unknown_fields=True):
    """The base of all payloads of clients. An unknown field is an error: it may be misspelt, or of a newer release."""
