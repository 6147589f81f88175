"""Keep the state of each upload in Redis: `signed`, then `verified`. Each change is one atomic script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from roomcast.contract import keys
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.media import Media
from roomcast.media.policy import Announced

CLAIM_SECONDS: Final = 2.0
"""Seconds after which a claim to verify an upload expires. A signer renews its claim while it works on the upload. When
the signer crashes, another signer can soon claim the upload."""


class Scripts(Protocol):
    """Runs scripts and commands; see `roomcast.media.bus.Bus`."""

    async def run_script(self, script: str, names: Sequence[str], *arguments: str | bytes | int | float) -> Any:
        """Run the contract's script of this name."""
        ...

    async def execute(self, command: str, key: str, *arguments: str | bytes | int | float) -> Any:
        """Run one plain command on one key."""
        ...


class Limits(NamedTuple):
    """The limits of one user's uploads, and three lifetimes in seconds.

    `upload_seconds`: of a form; `grace_seconds`: of an unverified record after its form has expired;
    `retention_seconds`: of a verified record.
    """

    open_uploads: int
    daily_bytes: int
    upload_seconds: int
    grace_seconds: int
    retention_seconds: int


class Claimed(NamedTuple):
    """The claim succeeded: until it expires, only this attempt may verify the upload."""

    key: str
    announced: Announced


class Busy(NamedTuple):
    """The upload is claimed by another attempt."""


class Verified(NamedTuple):
    """The upload is verified already, with this result."""

    media: Media


class Records:
    """Reads and changes the records of all uploads."""

    def __init__(self, bus: Scripts, limits: Limits) -> None:
        self._bus = bus
        self._limits = limits

    async def reserve(self, user: str, upload: str, size: int) -> int:
        """Count an upload towards its owner's limits. Return Redis's time in ms. Raise RoomcastError (RATE_LIMITED)."""
        names = (keys.user_uploads(user), keys.user_upload_bytes(user))
        limits = self._limits
        now_ms, wait_ms = await self._bus.run_script(
            "media_reserve", names, upload, size, limits.upload_seconds * 1000, limits.open_uploads, limits.daily_bytes
        )
        if wait_ms:
            raise RoomcastError(Code.RATE_LIMITED, "too many uploads", retry_after=wait_ms / 1000)
        return int(now_ms)

    async def open(self, upload: str, user: str, room: str, key: str, announced: Announced, now_ms: int) -> None:
        """Store a new upload. First list its key for the sweep, in case the upload is never completed.

        Raise RoomcastError (CONFLICT) if an upload with this id exists.
        """
        life_ms = (self._limits.upload_seconds + self._limits.grace_seconds) * 1000
        await self._bus.execute("ZADD", keys.MEDIA_INCOMING, now_ms + life_ms, key)
        name, content_type, size = announced
        fields = ("owner", user, "room", room, "key", key, "type", content_type, "size", size, "name", name)
        if not await self._bus.run_script("upload_open", (keys.upload(upload),), life_ms, *fields):
            raise RoomcastError(Code.CONFLICT, "the upload exists already")

    async def claim(self, upload: str, user: str, token: str) -> Claimed | Busy | Verified:
        """Claim an upload to verify it, or renew the claim of the same token.

        Raise UPLOAD_EXPIRED if there is no such upload any more, and NOT_FOUND for an upload of another user.
        """
        answer = await self._bus.run_script(
            "upload_claim", (keys.upload(upload),), user, token, int(CLAIM_SECONDS * 1000)
        )
        state = answer[0]
        if state == b"unknown":
            raise RoomcastError(Code.UPLOAD_EXPIRED)
        if state == b"foreign":
            raise RoomcastError(Code.NOT_FOUND)
        if state == b"verified":
            return Verified(_media(answer[1]))
        if state == b"busy":
            return Busy()
        key, content_type, size, name = (part.decode() for part in answer[1:])
        return Claimed(key, Announced(name, content_type, int(size)))

    async def verify(self, upload: str, user: str, token: str, media: Media) -> Media:
        """Store the verified media, and return the stored media. Raise UPLOAD_INCOMPLETE if the claim is lost."""
        life_ms = self._limits.retention_seconds * 1000
        kept = await self._bus.run_script(
            "upload_verify", (keys.upload(upload),), token, life_ms, msgspec.json.encode(media)
        )
        if not kept:
            raise RoomcastError(Code.UPLOAD_INCOMPLETE, "verifying took too long")
        await self._bus.execute("ZREM", keys.user_uploads(user), upload)
        return _media(kept)

    async def release(self, upload: str, token: str) -> None:
        """Release a claim."""
        await self._bus.run_script("upload_release", (keys.upload(upload),), token)

    async def find(self, upload: str) -> tuple[str, str, Media | None] | None:
        """Return `(room, key, media)` of an upload, or None if it is unknown. `media` is None until verification."""
        room, key, media = await self._bus.execute("HMGET", keys.upload(upload), "room", "key", "media")
        if room is None:
            return None
        return room.decode(), key.decode(), None if media is None else _media(media)

    async def list_overdue(self, now_ms: int, count: int) -> list[str]:
        """Return the storage keys of up to `count` uploads that were not completed in time."""
        found = await self._bus.execute("ZRANGEBYSCORE", keys.MEDIA_INCOMING, "-inf", now_ms, "LIMIT", 0, count)
        return [key.decode() for key in found]

    async def forget_incoming(self, key: str) -> None:
        """Remove the storage key of an upload from the list for the sweep."""
        await self._bus.execute("ZREM", keys.MEDIA_INCOMING, key)

    async def lease_sweep(self, holder: str, seconds: float) -> bool:
        """Try to get the lease of the sweep for `seconds`. Return whether that succeeded."""
        answer = await self._bus.execute("SET", keys.MEDIA_SWEEPER, holder, "NX", "PX", int(seconds * 1000))
        return answer is not None

    async def end_sweep(self) -> None:
        """Release the lease of the sweep."""
        await self._bus.execute("DEL", keys.MEDIA_SWEEPER)


def _media(raw: bytes) -> Media:
    media: Media = msgspec.json.decode(raw, type=Media)
    return media
