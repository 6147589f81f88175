"""The use cases behind `media:*`: check who may upload into a room or read from it, then ask the signers."""

from __future__ import annotations

from typing import Any, Final, Protocol

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.media import MediaComplete, MediaSign, MediaUrl
from roomcast.gateway.media.requests import MediaRequests
from roomcast.gateway.sign_in.session import ChatSession

_ROWS: Final = 40
"""Price of an upload's signature or verification in the event limit, in rows (see `EventLimit.charge`). Both cost
signers and storage work."""
_LINK_ROWS: Final = 10


class MediaAccess(Protocol):
    """The right to enter a room; see `roomcast.gateway.chat.room_access.RoomAccess`."""

    async def require_entry(self, session: ChatSession, room: str) -> None:
        """Raise FORBIDDEN for a room that the session may not enter."""
        ...

    async def may_enter(self, session: ChatSession, room: str) -> bool:
        """Return whether the session may enter the room."""
        ...


class UploadRooms(Protocol):
    """The rooms of uploads; see `roomcast.gateway.stores.uploads.Uploads`."""

    async def read_room(self, upload: str) -> str:
        """Return the room of a verified upload. Raise NOT_FOUND for an upload that is unknown or not verified."""
        ...


class MediaUseCases:
    """Checks the right to enter the room, then asks the signers."""

    def __init__(self, requests: MediaRequests, uploads: UploadRooms, access: MediaAccess) -> None:
        self._requests = requests
        self._uploads = uploads
        self._access = access

    async def sign_upload(self, session: ChatSession, p: MediaSign) -> dict[str, Any]:
        """Answer `media:sign`."""
        await self._access.require_entry(session, p.room)
        session.limit.charge(rows=_ROWS)
        return await self._requests.sign_upload(session.user, p)

    async def complete_upload(self, session: ChatSession, p: MediaComplete) -> dict[str, Any]:
        """Answer `media:complete`; the signer checks that the upload is the user's own."""
        session.limit.charge(rows=_ROWS)
        return await self._requests.complete_upload(session.user, p)

    async def sign_download(self, session: ChatSession, p: MediaUrl) -> dict[str, Any]:
        """Answer `media:url`. An upload of a room that the session may not enter looks like a missing upload."""
        session.limit.charge(rows=_LINK_ROWS)
        room = await self._uploads.read_room(p.upload)
        if room not in session.rooms and not await self._access.may_enter(session, room):
            raise RoomcastError(Code.NOT_FOUND)
        return await self._requests.sign_download(session.user, p, room)
