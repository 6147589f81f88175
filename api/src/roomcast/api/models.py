"""The JSON of requests and answers. The limits are from the contract. An error for an unknown field names the field."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from roomcast.contract.ids import CLIENT_ID, ROOM_ID, USER_ID
from roomcast.contract.limits import MAX_LIST, MAX_MENTIONS, MAX_MESSAGE_BYTES, MAX_SEQ
from roomcast.contract.texts import MAX_NAME

MAX_BATCH: Final = 100
MAX_UNKNOWN: Final = 10
"""The most unknown fields of an object that an error names. An error with 100,000 names would take two seconds."""
UPLOAD_ID: Final = "^[A-Za-z0-9_-]{8,64}$"
TEN_YEARS: Final = 10 * 365 * 86_400

Room = Annotated[str, Field(pattern=f"^{ROOM_ID}$", description="a room's id")]
User = Annotated[str, Field(pattern=f"^{USER_ID}$", description="a user's id")]
MessageId = Annotated[
    str, Field(pattern=f"^{CLIENT_ID}$", description="with the same id, a repeated request returns the first receipt")
]
Seq = Annotated[int, Field(ge=1, le=MAX_SEQ, description="a message's number within its room and epoch")]
Text = Annotated[str, Field(min_length=1, max_length=MAX_MESSAGE_BYTES, description="at most 16,384 bytes of UTF-8")]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME, description="the name that others see")]
ShownName = Annotated[
    str, Field(min_length=1, max_length=MAX_NAME, description="shown beside the message; default: the profile's name")
]
Data = Annotated[dict[str, Any], Field(description="a JSON object of the application, at most 4 KiB")]
Emoji = Annotated[str, Field(min_length=1, max_length=16)]
Seconds = Annotated[int, Field(ge=1, le=TEN_YEARS)]
Limit = Annotated[int, Field(ge=1, le=MAX_LIST)]


class Request(BaseModel):
    """The base of the bodies of requests."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _has_few_fields(cls, value: Any) -> Any:
        """Refuse an object with many unknown fields before Pydantic makes an error for each field."""
        if isinstance(value, dict) and len(value) > len(cls.model_fields) + MAX_UNKNOWN:
            raise PydanticCustomError("too_many_fields", "too many unknown fields")
        return value


class PublishRequest(Request):
    """A message into a room, in the name of a user."""

    user: User
    text: Text | None = None
    data: Data | None = None
    upload: Annotated[str, Field(pattern=UPLOAD_ID)] | None = Field(None, description="a verified upload of the user")
    reply_to: Seq | None = None
    mentions: Annotated[
        list[User], Field(max_length=MAX_MENTIONS, description="users to mention; they must read the room")
    ] = []
    name: ShownName | None = None
    kind: Literal["system", "text"] = Field(
        "system", description="system: a notice, which does not count as unread; text: as if the user had sent it"
    )
    id: MessageId | None = None


class BatchItem(PublishRequest):
    """One message of a batch."""

    room: Room


class BatchRequest(Request):
    """Messages in the order in which they are to be published."""

    messages: Annotated[list[BatchItem], Field(min_length=1, max_length=MAX_BATCH)]


class EditRequest(Request):
    """A new text of a message, new data or both, in the name of its author."""

    user: User
    text: Text | None = None
    data: Data | None = None
    name: ShownName | None = None
    id: MessageId | None = None


class ReactionRequest(Request):
    """A reaction of a user; `on` false removes it."""

    user: User
    emoji: Emoji
    on: bool = True
    name: ShownName | None = None
    id: MessageId | None = None


class Receipt(BaseModel):
    """The position of a message in its room's log."""

    seq: int
    time: int = Field(description="milliseconds since the epoch, by Redis's clock")
    epoch: str
    duplicate: bool = Field(description="true: the id was known, so the request published nothing")


class Preview(BaseModel):
    """The latest text or media of a room: `text` has at most 200 characters, and `media` only `type` and `name`."""

    model_config = ConfigDict(extra="allow")

    seq: int
    epoch: str
    time: int
    id: str
    user: str
    name: str
    kind: str


class Message(BaseModel):
    """One entry of a room's log; its further fields depend on its `kind`."""

    model_config = ConfigDict(extra="allow")

    room: str
    seq: int
    epoch: str
    time: int
    id: str
    user: str
    name: str
    kind: str


class HistoryResponse(BaseModel):
    """One page of a room's log, oldest message first."""

    room: str
    epoch: str
    seq: int = Field(description="the newest message's number")
    first: int = Field(description="the lowest number in the log")
    messages: list[Message]
    more: bool = Field(description="whether the log has more messages in the direction that was read")
    older: str | None = Field(description="cursor of the previous page; null at the beginning")
    newer: str | None = Field(
        description="cursor of the next page, which may contain messages written later; null without messages"
    )


def as_message(entry: dict[str, Any]) -> Message:
    """Return an entry of the log as a message, without validation, because the contract wrote the entry."""
    return Message.model_construct(**entry)
