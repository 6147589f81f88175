"""The inbox of a user: rooms by activity, with the numbers of unread messages and mentions."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Query, Security
from pydantic import BaseModel, Field

from roomcast.api.authentication import authenticate, owe
from roomcast.api.models import Limit, Message, User, as_message
from roomcast.api.parts import TheParts
from roomcast.contract.api_keys import Listed, Scope
from roomcast.contract.ids import ROOM_ID
from roomcast.contract.inbox import Line

router: Final = APIRouter(prefix="/v1", tags=["users"])
Reads = Annotated[Listed, Security(authenticate, scopes=[Scope.USERS_READ])]
Cursor = Annotated[str | None, Query(pattern=f"^[0-9]{{1,15}}/{ROOM_ID}$", description="`after` of another page")]


class LineResponse(BaseModel):
    """One room of an inbox."""

    room: str
    seq: int
    epoch: str
    active_at: int = Field(
        description="time of the latest text or media in milliseconds, at most a second too early; 0: none"
    )
    last_seq: int = Field(description="the number of the latest text or media; 0: no longer in the log")
    last: Message | None = Field(
        description="the latest text or media, if it is still in the log and the key has the scope messages:read"
    )
    name: str = Field(description="the room's own name, or empty")
    is_public: bool
    is_unsettled: bool = Field(description="another message may come without an announcement")
    is_gone: bool = Field(description="Redis has no data of the room")
    unread: int
    mentions: int
    read: int = Field(description="the user's read mark")
    role: str
    is_banned: bool


class InboxResponse(BaseModel):
    """A page of an inbox, the latest activity first, with the totals of all rooms."""

    lines: list[LineResponse]
    after: str | None = Field(description="cursor of the next page; null at the end")
    unread: int
    mentions: int


@router.get("/users/{user}/inbox", operation_id="inbox")
async def read_inbox(user: User, key: Reads, parts: TheParts, after: Cursor = None, limit: Limit = 50) -> InboxResponse:
    """Return a page of a user's inbox: the listed rooms that the user may enter by id or membership.

    Only a key with the scope `messages:read` gets the latest message of each room.
    """
    page = await parts.backend.inbox(user, after=after, limit=limit)
    await owe(parts, key, rows=page.rooms)
    reads = key.key.allows(Scope.MESSAGES_READ)
    lines = [_line(line if reads else line._replace(entry=None)) for line in page.lines]
    return InboxResponse(lines=lines, after=page.after, unread=page.unread, mentions=page.mentions)


def _line(line: Line) -> LineResponse:
    fields: dict[str, Any] = line._asdict()
    entry = fields.pop("entry")
    last = as_message(msgspec.json.decode(entry)) if entry else None
    return LineResponse(**{name: fields[name] for name in LineResponse.model_fields if name != "last"}, last=last)
