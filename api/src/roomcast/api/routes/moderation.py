"""Mute and ban users, in a room or everywhere; read and close reports."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Security, status
from pydantic import BaseModel, Field

from roomcast.api.authentication import authenticate, owe
from roomcast.api.models import Limit, Request, Room, Seconds, User
from roomcast.api.parts import TheBackend, TheParts
from roomcast.contract.api_keys import Listed, Scope

router: Final = APIRouter(prefix="/v1", tags=["moderation"])

Moderates = Annotated[Listed, Security(authenticate, scopes=[Scope.MODERATION])]
InRoom = Annotated[Room | None, Query(description="only in this room; by default everywhere")]
ReportId = "^[0-9]{1,19}-[0-9]{1,19}$"


class SanctionRequest(Request):
    """The length of a sanction in seconds; null: until it is lifted."""

    seconds: Seconds | None = None


WITHOUT_END: Final = SanctionRequest()


class Report(BaseModel):
    """A message that a user reported."""

    id: str
    room: str
    target: int
    by: str
    reason: str
    message: str = Field(description="the message as it was, as JSON")


class ReportsResponse(BaseModel):
    """Open reports, oldest first."""

    reports: list[Report]


@router.put("/users/{user}/mute", status_code=status.HTTP_204_NO_CONTENT, operation_id="mute")
async def mute(
    user: User, _: Moderates, backend: TheBackend, room: InRoom = None, body: SanctionRequest = WITHOUT_END
) -> None:
    """Let a user read, but not write."""
    await backend.mute(user, room=room, seconds=body.seconds)


@router.delete("/users/{user}/mute", status_code=status.HTTP_204_NO_CONTENT, operation_id="unmute")
async def unmute(user: User, _: Moderates, backend: TheBackend, room: InRoom = None) -> None:
    """Lift a mute. A mute everywhere and a mute in a room are lifted separately."""
    await backend.unmute(user, room=room)


@router.put("/users/{user}/ban", status_code=status.HTTP_204_NO_CONTENT, operation_id="ban")
async def ban(
    user: User, _: Moderates, backend: TheBackend, room: InRoom = None, body: SanctionRequest = WITHOUT_END
) -> None:
    """Ban a user from a room, or from signing in at all; end open sessions."""
    await backend.ban(user, room=room, seconds=body.seconds)


@router.delete("/users/{user}/ban", status_code=status.HTTP_204_NO_CONTENT, operation_id="unban")
async def unban(user: User, _: Moderates, backend: TheBackend, room: InRoom = None) -> None:
    """Lift a ban. A ban everywhere and a ban from a room are lifted separately."""
    await backend.unban(user, room=room)


@router.get("/reports", operation_id="reports")
async def list_reports(
    key: Moderates,
    parts: TheParts,
    after: Annotated[str | None, Query(pattern=ReportId, description="the last id of another page")] = None,
    limit: Limit = 50,
) -> ReportsResponse:
    """List open reports, oldest first.

    A page has at most a megabyte of messages, so it may be shorter than `limit`. After the last report, it is empty.
    """
    reports = [Report.model_validate(row) for row in await parts.backend.reports(after=after, limit=limit)]
    await owe(parts, key, size=sum(len(report.message) for report in reports))
    return ReportsResponse(reports=reports)


@router.delete("/reports/{id}", status_code=status.HTTP_204_NO_CONTENT, operation_id="resolveReport")
async def resolve_report(id: Annotated[str, Path(pattern=ReportId)], _: Moderates, backend: TheBackend) -> None:  # noqa: A002
    """Close an open report. For a closed or unknown report, do nothing."""
    await backend.resolve_report(id)
