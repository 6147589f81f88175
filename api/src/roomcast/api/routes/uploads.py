"""Upload files for users: sign a form, verify the file, sign a link. The caller sends the bytes to the storage."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path, Query, Security
from pydantic import BaseModel, ConfigDict, Field

from roomcast.api.authentication import authenticate
from roomcast.api.models import UPLOAD_ID, Request, Room, User
from roomcast.api.parts import TheBackend
from roomcast.contract.api_keys import Listed, Scope

router: Final = APIRouter(prefix="/v1", tags=["uploads"])

Uploads = Annotated[Listed, Security(authenticate, scopes=[Scope.UPLOADS])]
UploadId = Annotated[str, Path(pattern=UPLOAD_ID)]
Pixels = Annotated[int, Field(ge=1, le=100_000)]


class UploadRequest(Request):
    """A file to upload; its size and type are binding."""

    user: User
    room: Room
    name: Annotated[str, Field(min_length=1, max_length=255)]
    type: Annotated[str, Field(max_length=100, description="media type; empty: derived from the name")] = ""
    size: Annotated[int, Field(ge=0, le=2**53, description="bytes")]
    width: Pixels | None = None
    height: Pixels | None = None


class UploadResponse(BaseModel):
    """The request by which the file is sent to the storage: `fields` of a POST form, or `headers` of a PUT."""

    model_config = ConfigDict(extra="allow")

    upload: str
    method: Literal["POST", "PUT"]
    url: str
    expires: int


class CompleteRequest(Request):
    """The owner of the upload."""

    user: User


class MediaResponse(BaseModel):
    """The verified file, as a message describes it."""

    model_config = ConfigDict(extra="allow")

    upload: str
    type: str
    size: int
    name: str


class CompletedResponse(BaseModel):
    """A verified upload; publish a message with its id."""

    media: MediaResponse


class LinkResponse(BaseModel):
    """A link to a file, and the time at which the link expires."""

    url: str
    expires: int


@router.post("/uploads", operation_id="signUpload")
async def sign_upload(body: UploadRequest, _: Uploads, backend: TheBackend) -> UploadResponse:
    """Return a form by which one file of a user can be sent to the storage."""
    wanted = body.model_dump(exclude={"user", "room", "name"})
    found = await backend.sign_upload(body.user, body.room, body.name, **wanted)
    return UploadResponse.model_construct(**found)


@router.post("/uploads/{upload}/complete", operation_id="completeUpload")
async def complete_upload(
    upload: UploadId, body: CompleteRequest, _: Uploads, backend: TheBackend
) -> CompletedResponse:
    """Let a signer verify an uploaded file."""
    found = await backend.complete_upload(body.user, upload)
    return CompletedResponse.model_construct(media=MediaResponse.model_construct(**found["media"]))


@router.get("/uploads/{upload}/link", operation_id="uploadUrl")
async def link(upload: UploadId, user: Annotated[User, Query()], _: Uploads, backend: TheBackend) -> LinkResponse:
    """Return a link to a verified file, for a user. The back end must check that the user may read the file."""
    found = await backend.upload_url(user, upload)
    return LinkResponse(url=found["url"], expires=found["expires"])
