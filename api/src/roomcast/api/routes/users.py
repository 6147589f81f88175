"""Users: their profiles, rooms, presence, connections and allowances; signing and revoking of tokens."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Security, status
from pydantic import BaseModel, Field

from roomcast.api.authentication import authenticate, owe
from roomcast.api.models import Data, Name, Request, Seconds, User
from roomcast.api.parts import Parts, TheBackend, TheParts
from roomcast.contract import tokens
from roomcast.contract.api_keys import Listed, Scope
from roomcast.contract.backend import CLOCK_SKEW_SECONDS, TOKEN_LIFE_SECONDS, Presence
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.presence import ShownStatus
from roomcast.contract.ids import encode_subject
from roomcast.contract.profile import MAX_PICTURE

router: Final = APIRouter(prefix="/v1")

Reads = Annotated[Listed, Security(authenticate, scopes=[Scope.USERS_READ])]
Writes = Annotated[Listed, Security(authenticate, scopes=[Scope.USERS_WRITE])]
Signs = Annotated[Listed, Security(authenticate, scopes=[Scope.TOKENS_SIGN])]
Word = Annotated[str, Field(min_length=1, max_length=128)]
Users = Annotated[list[User], Query(alias="user", min_length=1, max_length=100)]
MAX_QUERY: Final = 1_000


class ListedRoomResponse(BaseModel):
    """A room on a user's room list."""

    room: str
    name: str


class RoomsResponse(BaseModel):
    """A user's room list, by room id: at most 500 rooms."""

    rooms: list[ListedRoomResponse]


class ProfileRequest(Request):
    """Changes of a profile. A missing field does not change. An empty picture or object deletes the stored one."""

    name: Name | None = None
    picture: Annotated[str, Field(max_length=MAX_PICTURE, description="an https URL")] | None = None
    data: Data | None = None


class ProfileResponse(BaseModel):
    """The profile of a user, as others see it."""

    user: str
    name: str
    picture: str = Field(description="an https URL; empty: none")
    data: dict[str, Any] = Field(description="an object of the application; may be empty")


class AllowanceRequest(Request):
    """Rooms that the user may create in a day; null: by the gateways' setting."""

    per_day: Annotated[int, Field(ge=0, le=1_000_000)] | None


class ByteAllowanceRequest(Request):
    """Bytes that the user may write into rooms in a day; null: by the gateways' setting."""

    per_day: Annotated[int, Field(ge=0, le=10**15)] | None


class PresenceRequest(Request):
    """The users whose presence is read."""

    users: Annotated[list[User], Field(min_length=1, max_length=MAX_QUERY)]
    devices: bool = Field(False, description="also each user's devices")


class DeviceResponse(BaseModel):
    """A device of a user."""

    kind: str = Field(description="the kind that the client names, such as `web` or `mobile`; may be empty")
    status: ShownStatus


class PresenceResponse(BaseModel):
    """The presence of a user, as others see it."""

    user: str
    status: ShownStatus
    last_seen: int = Field(description="milliseconds since the epoch; 0: never")
    note: str
    until: int = Field(description="milliseconds since the epoch at which the note ends; 0: never")
    devices: list[DeviceResponse] = Field(
        description="at most 20, the most reachable first; empty unless requested, and for offline users"
    )


class PresencesResponse(BaseModel):
    """The presence of users, in the order of the request."""

    users: list[PresenceResponse]


class RevocationRequest(Request):
    """The tokens to refuse, their longest life, and how far the clocks of their signers may run ahead."""

    issued_before: Annotated[float, Field(ge=0, lt=1e11, description="unix seconds")] | None = None
    seconds: Seconds = TOKEN_LIFE_SECONDS
    skew_seconds: Annotated[int, Field(ge=0, le=3_600)] = CLOCK_SKEW_SECONDS


class TokenRevocationRequest(Request):
    """The longest life of the token."""

    seconds: Seconds = TOKEN_LIFE_SECONDS


ANY_TOKEN: Final = RevocationRequest()
ANY_LIFE: Final = TokenRevocationRequest()


class TokenRequest(Request):
    """A token to sign. The fields below `seconds` become claims of the token."""

    user: Annotated[str, Field(min_length=1, max_length=60, description="the user's id, or another `sub`")]
    name: Name | None = None
    seconds: Annotated[int, Field(ge=1, le=TOKEN_LIFE_SECONDS)] = 12 * 3_600
    rooms: Annotated[list[Word], Field(max_length=100, description="patterns of rooms that the token opens")] | None = (
        None
    )
    create: Annotated[list[Word], Field(max_length=100, description="patterns of rooms that may be created")] | None = (
        None
    )
    ops: bool = Field(False, description="whether the user is an operator; needs the scope tokens:operator")
    jti: Word | None = Field(None, description="an id by which this token can be revoked")
    sid: Word | None = Field(None, description="an id of the sign-in, by which all its tokens can be revoked")
    aud: Word | None = None
    iss: Word | None = None


class TokenResponse(BaseModel):
    """A signed token, and the id of the user whom the token names."""

    token: str
    user: str


@router.get("/users/{user}/profile", operation_id="profile", tags=["users"])
async def read_profile(user: User, _: Reads, backend: TheBackend) -> ProfileResponse:
    """Return the profile of a user. Answers `not_found` for an unknown user."""
    return ProfileResponse.model_validate((await backend.profile(user))._asdict())


@router.patch("/users/{user}/profile", operation_id="setProfile", tags=["users"])
async def set_profile(user: User, body: ProfileRequest, _: Writes, backend: TheBackend) -> ProfileResponse:
    """Change the profile of a user, on every gateway within seconds. An unknown user becomes known."""
    await backend.set_profile(user, name=body.name, picture=body.picture, data=body.data)
    return ProfileResponse.model_validate((await backend.profile(user))._asdict())


@router.get("/users/{user}/rooms", operation_id="roomsOf", tags=["users"])
async def list_rooms(user: User, _: Reads, backend: TheBackend) -> RoomsResponse:
    """Return a user's room list."""
    rows = await backend.rooms_of(user)
    return RoomsResponse(rooms=[ListedRoomResponse(room=row.room, name=row.name) for row in rows])


@router.put(
    "/users/{user}/room-allowance", status_code=status.HTTP_204_NO_CONTENT, operation_id="allowRooms", tags=["users"]
)
async def allow_rooms(user: User, body: AllowanceRequest, _: Writes, backend: TheBackend) -> None:
    """Let a user create `per_day` rooms a day."""
    await backend.allow_rooms(user, body.per_day)


@router.put(
    "/users/{user}/byte-allowance", status_code=status.HTTP_204_NO_CONTENT, operation_id="allowBytes", tags=["users"]
)
async def allow_bytes(user: User, body: ByteAllowanceRequest, _: Writes, backend: TheBackend) -> None:
    """Let a user write `per_day` bytes into rooms a day."""
    await backend.allow_bytes(user, body.per_day)


@router.post(
    "/users/{user}/disconnect", status_code=status.HTTP_204_NO_CONTENT, operation_id="disconnect", tags=["users"]
)
async def disconnect(user: User, _: Writes, backend: TheBackend) -> None:
    """Close the connections of a user on every gateway. The user's tokens stay valid."""
    await backend.disconnect(user)


@router.post(
    "/users/{user}/revocation", status_code=status.HTTP_204_NO_CONTENT, operation_id="revokeUser", tags=["users"]
)
async def revoke_user(user: User, _: Writes, backend: TheBackend, body: RevocationRequest = ANY_TOKEN) -> None:
    """Refuse every token of a user issued up to now, and close the user's connections."""
    await backend.revoke_user(
        user, issued_before=body.issued_before, seconds=body.seconds, skew_seconds=body.skew_seconds
    )


@router.get("/presence", operation_id="presence", tags=["presence"])
async def read_presence(users: Users, key: Reads, parts: TheParts, devices: bool = False) -> PresencesResponse:
    """Return the presence of up to 100 users; with `devices`, also each of their devices."""
    return await _presence(parts, key, users, devices)


@router.post("/presence/query", operation_id="queryPresence", tags=["presence"])
async def query_presence(body: PresenceRequest, key: Reads, parts: TheParts) -> PresencesResponse:
    """Return the presence of up to 1,000 users; with `devices`, also each of their devices."""
    return await _presence(parts, key, body.users, body.devices)


@router.post("/tokens", operation_id="sign", tags=["tokens"])
async def sign(body: TokenRequest, key: Signs, parts: TheParts) -> TokenResponse:
    """Sign a token with which a client connects. Answers `not_found` if this API has no secret."""
    if parts.jwt_secret is None:
        raise RoomcastError(Code.NOT_FOUND, "this API signs no tokens: it was started without ROOMCAST_JWT_SECRET")
    if body.ops and not key.key.allows(Scope.TOKENS_OPERATOR):
        raise RoomcastError(Code.FORBIDDEN, f"the API key lacks the scope {Scope.TOKENS_OPERATOR}")
    try:
        user = encode_subject(body.user)
    except ValueError as error:
        raise RoomcastError(Code.BAD_REQUEST, str(error)) from None
    claims = body.model_dump(include={"rooms", "create", "ops", "jti", "sid", "aud", "iss"}, exclude_defaults=True)
    token = tokens.sign(parts.jwt_secret, body.user, name=body.name, seconds=body.seconds, **claims)
    return TokenResponse(token=token, user=user)


@router.post(
    "/tokens/{jti}/revocation", status_code=status.HTTP_204_NO_CONTENT, operation_id="revokeToken", tags=["tokens"]
)
async def revoke_token(jti: Word, _: Writes, backend: TheBackend, body: TokenRevocationRequest = ANY_LIFE) -> None:
    """Refuse the token with this `jti` claim, and close its connections."""
    await backend.revoke_token(jti, seconds=body.seconds)


@router.post(
    "/sign-ins/{sid}/revocation", status_code=status.HTTP_204_NO_CONTENT, operation_id="revokeSession", tags=["tokens"]
)
async def revoke_session(sid: Word, _: Writes, backend: TheBackend, body: TokenRevocationRequest = ANY_LIFE) -> None:
    """Refuse every token with this `sid` claim, and close their connections."""
    await backend.revoke_session(sid, seconds=body.seconds)


async def _presence(parts: Parts, key: Listed, users: list[str], devices: bool) -> PresencesResponse:
    found = await parts.backend.presence(users, devices=devices)
    await owe(parts, key, rows=len(users))
    return PresencesResponse(users=[_presence_of(user, found[user]) for user in dict.fromkeys(users)])


def _presence_of(user: str, found: Presence) -> PresenceResponse:
    devices = [DeviceResponse(kind=device.kind, status=device.status) for device in found.devices]
    return PresenceResponse(user=user, **found._replace(devices=())._asdict() | {"devices": devices})
