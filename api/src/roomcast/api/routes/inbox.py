"""The inbox of a user: rooms by activity, with the numbers of unread messages and mentions."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Security
from pydantic import BaseModel, Field

from roomcast.api.authentication import authenticate, owe
from roomcast.api.models import Limit, Preview, User
from roomcast.api.parts import TheParts
from roomcast.contract.api_keys import Listed, Scope
from roomcast.contract.backend import InboxLine
from roomcast.contract.ids import ROOM_ID

router: Final = APIRouter(prefix="/v1", tags=["users"])
Reads = Annotated[Listed, Security(authenticate, scopes=[Scope.USERS_READ])]
Cursor = Annotated[str | None, Query(pattern=f"^[0-9]{{1,15}}/{ROOM_ID}$", description="`after` of another page")]


class LineResponse(BaseModel):
    """One room of an inbox, with the fields of the event `inbox:list` and the user's role."""

    room: str
    name: str = Field(description="the room's name; for a direct room the name of the other person")
    seq: int
    epoch: str
    active: int = Field(
        description="time of the latest text or media in milliseconds, at most a second too early; 0: none"
    )
    unread: int
    mentions: int
    read: int = Field(description="the user's read mark")
    last: Preview | None = Field(
        description="the latest text or media, if it is still in the log and the key has the scope messages:read"
    )
    role: str = Field(description="empty: the user is no member")


class InboxResponse(BaseModel):
    """A page of an inbox, the latest activity first, with the totals of all rooms."""

    rooms: list[LineResponse]
    more: bool = Field(description="whether a next page follows")
    after: str | None = Field(description="cursor of the next page; null at the end")
    unread: int
    mentions: int


@router.get("/users/{user}/inbox", operation_id="inbox")
async def read_inbox(user: User, key: Reads, parts: TheParts, after: Cursor = None, limit: Limit = 50) -> InboxResponse:
    """Return a page of a user's inbox: the listed rooms that the user may enter by id or membership.

    Only a key with the scope `messages:read` gets the latest message of each room.
    """
    page = await parts.backend.inbox(user, after=after, limit=limit)
    await owe(parts, key, rows=page.listed)
    reads = key.key.allows(Scope.MESSAGES_READ)
    rooms = [_line(line if reads else line._replace(last=None)) for line in page.rooms]
    return InboxResponse(rooms=rooms, more=page.more, after=page.after, unread=page.unread, mentions=page.mentions)


def _line(line: InboxLine) -> LineResponse:
    last = Preview.model_construct(**line.last) if line.last else None
    return LineResponse(**line._replace(last=None)._asdict() | {"last": last})
