"""Custom events of an application: to a user, to a room, or to all connected clients."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Security, status
from pydantic import Field

from roomcast.api.authentication import authenticate
from roomcast.api.models import Data, Request, Room, User
from roomcast.api.parts import TheBackend
from roomcast.contract.api_keys import Listed, Scope
from roomcast.contract.ids import EVENT_NAME

router: Final = APIRouter(prefix="/v1", tags=["events"])
Emits = Annotated[Listed, Security(authenticate, scopes=[Scope.EVENTS_WRITE])]


class EventRequest(Request):
    """An event's name and its data."""

    event: Annotated[str, Field(pattern=f"^{EVENT_NAME}$")]
    data: Data | None = None


@router.post("/users/{user}/events", status_code=status.HTTP_204_NO_CONTENT, operation_id="emitToUser")
async def emit_to_user(user: User, body: EventRequest, _: Emits, backend: TheBackend) -> None:
    """Send an event to all devices of a user. The event is not stored, and a repeated call sends it again."""
    await backend.emit_to_user(user, body.event, body.data)


@router.post("/rooms/{room}/events", status_code=status.HTTP_204_NO_CONTENT, operation_id="emitToRoom")
async def emit_to_room(room: Room, body: EventRequest, _: Emits, backend: TheBackend) -> None:
    """Send an event to all clients that have joined a room."""
    await backend.emit_to_room(room, body.event, body.data)


@router.post("/events", status_code=status.HTTP_204_NO_CONTENT, operation_id="emitToAll")
async def emit_to_all(body: EventRequest, _: Emits, backend: TheBackend) -> None:
    """Send an event to all connected clients."""
    await backend.emit_to_all(body.event, body.data)
