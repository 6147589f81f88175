"""Create, read, change and close rooms; list and change members; read occupancy; kick users; set slow mode."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Security, status
from pydantic import BaseModel, Field

from roomcast.api.authentication import authenticate
from roomcast.api.models import Data, Name, Request, Room, User
from roomcast.api.parts import TheBackend
from roomcast.contract.api_keys import Listed, Scope
from roomcast.contract.backend.lookups import MAX_SCAN
from roomcast.contract.texts import MAX_TOPIC

router: Final = APIRouter(prefix="/v1", tags=["rooms"])

Reads = Annotated[Listed, Security(authenticate, scopes=[Scope.ROOMS_READ])]
Writes = Annotated[Listed, Security(authenticate, scopes=[Scope.ROOMS_WRITE])]
Role = Literal["owner", "admin", "member"]


class RoomRequest(Request):
    """A room to store, and its owner."""

    room: Room
    owner: User
    kind: Literal["private", "public"] = "private"
    name: Name | None = None


class RoomResponse(BaseModel):
    """The description and the counts of a room."""

    room: str
    kind: Literal["private", "public", ""] = Field(description="empty: the room is not stored")
    name: str
    topic: str
    data: dict[str, Any] = Field(description="an object of the application; may be empty")
    owner: str
    seq: int = Field(description="the newest message's number")
    messages: int = Field(description="messages that are kept")
    members: int = Field(description="stored members")
    occupants: int = Field(description="users who are in the room now")
    slow_seconds: int = Field(description="slow mode: seconds between two messages of a user; 0: none")


class RoomChangeRequest(Request):
    """Changes of a room. A missing field does not change. An empty topic or object deletes the stored one."""

    name: Name | None = None
    topic: Annotated[str, Field(max_length=MAX_TOPIC, description="one line")] | None = None
    data: Data | None = None


class OwnerRequest(Request):
    """The member who becomes the owner."""

    user: User


class MemberRequest(Request):
    """A role in a room; `by`: the user who invites."""

    role: Literal["admin", "member"] = "member"
    by: User | None = None


AS_MEMBER: Final = MemberRequest()


class MemberResponse(BaseModel):
    """A stored member."""

    user: str
    role: Role


class MembersResponse(BaseModel):
    """Some members, in no order."""

    members: list[MemberResponse]
    next: str | None = Field(description="cursor of the next page; null at the end")


class OccupancyResponse(BaseModel):
    """The users who are in a room now, over all gateways."""

    room: str
    occupants: int
    users: list[str] | None = Field(description="null in rooms of more than 200 occupants")


class SlowModeRequest(Request):
    """Seconds between two messages of a user; 0 ends slow mode."""

    seconds: Annotated[int, Field(ge=0, le=6 * 3_600)]


class RemovedResponse(BaseModel):
    """The outcome of a removal: whether a membership was deleted."""

    removed: bool


@router.post("/rooms", status_code=status.HTTP_201_CREATED, operation_id="createRoom")
async def create_room(body: RoomRequest, _: Writes, backend: TheBackend) -> RoomResponse:
    """Store a room. Answers `conflict` when it is stored already, `forbidden` for a reserved id."""
    await backend.create_room(body.room, body.owner, kind=body.kind, name=body.name or "")
    return RoomResponse.model_validate((await backend.room(body.room))._asdict())


@router.get("/rooms/{room}", operation_id="room")
async def read_room(room: Room, _: Reads, backend: TheBackend) -> RoomResponse:
    """Return the description of a room, and the numbers of its messages, members and occupants."""
    return RoomResponse.model_validate((await backend.room(room))._asdict())


@router.patch("/rooms/{room}", operation_id="updateRoom")
async def update_room(room: Room, body: RoomChangeRequest, _: Writes, backend: TheBackend) -> RoomResponse:
    """Change the name, topic or data of a stored room, and tell its members on every gateway."""
    await backend.update_room(room, name=body.name, topic=body.topic, data=body.data)
    return RoomResponse.model_validate((await backend.room(room))._asdict())


@router.put("/rooms/{room}/owner", status_code=status.HTTP_204_NO_CONTENT, operation_id="transferRoom")
async def transfer_room(room: Room, body: OwnerRequest, _: Writes, backend: TheBackend) -> None:
    """Make a member the owner of a stored room, and the previous owner an admin."""
    await backend.transfer_room(room, body.user)


@router.delete("/rooms/{room}", status_code=status.HTTP_204_NO_CONTENT, operation_id="closeRoom")
async def close_room(room: Room, _: Writes, backend: TheBackend) -> None:
    """Delete a room with its history and memberships, and remove all users from it on every gateway."""
    await backend.close_room(room)


@router.get("/rooms/{room}/members", operation_id="members")
async def list_members(
    room: Room,
    _: Reads,
    backend: TheBackend,
    cursor: Annotated[str | None, Query(max_length=20, pattern="^[0-9]+$")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_SCAN, description="about this many members")] = 100,
) -> MembersResponse:
    """List the stored members in pages, in no order.

    A user who is a member while all pages are read is on at least one page.
    """
    page = await backend.members(room, cursor=cursor, limit=limit)
    members = [MemberResponse.model_validate(member._asdict()) for member in page.members]
    return MembersResponse(members=members, next=page.cursor)


@router.put("/rooms/{room}/members/{user}", status_code=status.HTTP_204_NO_CONTENT, operation_id="grant")
async def grant(room: Room, user: User, _: Writes, backend: TheBackend, body: MemberRequest = AS_MEMBER) -> None:
    """Make a user a member of a stored room, and tell the user's devices. The owner keeps the owner role."""
    await backend.grant(room, user, body.role, by=body.by)


@router.delete("/rooms/{room}/members/{user}", operation_id="remove")
async def remove(room: Room, user: User, _: Writes, backend: TheBackend) -> RemovedResponse:
    """Delete a membership, and remove the user from the room. Answers `forbidden` for the owner."""
    return RemovedResponse(removed=await backend.remove(room, user))


@router.get("/rooms/{room}/occupancy", operation_id="occupancy")
async def read_occupancy(room: Room, _: Reads, backend: TheBackend) -> OccupancyResponse:
    """Return the number of users who are in a room now, and their ids."""
    found = await backend.occupancy(room)
    return OccupancyResponse(room=room, occupants=found.occupants, users=found.users)


@router.post("/rooms/{room}/kicks/{user}", status_code=status.HTTP_204_NO_CONTENT, operation_id="kick")
async def kick(room: Room, user: User, _: Writes, backend: TheBackend) -> None:
    """Remove a user from a room on every gateway. A user who is allowed to enter can enter again."""
    await backend.kick(room, user)


@router.put("/rooms/{room}/slow-mode", status_code=status.HTTP_204_NO_CONTENT, operation_id="setSlowMode")
async def set_slow_mode(room: Room, body: SlowModeRequest, _: Writes, backend: TheBackend) -> None:
    """Let each user of a room send one message per `seconds` seconds."""
    await backend.set_slow_mode(room, body.seconds)
