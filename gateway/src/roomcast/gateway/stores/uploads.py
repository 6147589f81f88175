"""Read the records of uploads (`upload:{U}`) from Redis, and post requests to the signers' stream."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from roomcast.contract import keys
from roomcast.contract.envelope import MediaRequest
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.media import Media
from roomcast.gateway.stores.redis_port import RedisPort, Scripts
from roomcast.wire.envelope import pack

MAX_REQUESTS: Final = 10_000
"""Bound on the requests in the stream. Redis removes the oldest requests, which are past their deadline by then."""


class Uploads:
    """Implements `roomcast.gateway.media.requests.MediaPort`, and reads upload records for messages.

    `retention_seconds` is the life of messages, and must equal the signers' value, so that a record outlives the
    messages that name it. Never changes a record. Raises RoomcastError when Redis fails.
    """

    def __init__(self, scripts: Scripts, retention_seconds: int = 30 * 86_400) -> None:
        self._redis = RedisPort(scripts)
        self._retention_ms = retention_seconds * 1000

    async def now_ms(self) -> int:
        """Return the time of Redis's clock, in milliseconds since the Unix epoch."""
        return await self._redis.now_ms(keys.MEDIA_REQUESTS)

    async def post(self, request: MediaRequest) -> None:
        """Queue a request; the first free signer takes it."""
        stream = keys.MEDIA_REQUESTS
        await self._redis.call("XADD", stream, "MAXLEN", "~", MAX_REQUESTS, "*", "m", pack(request))

    async def read_verified(self, upload: str, user: str, room: str) -> Media:
        """Return the `media` field for a message of `user` into `room` with this upload.

        Raises RoomcastError: UPLOAD_EXPIRED for an upload that is unknown or was verified more than a day ago;
        NOT_FOUND for an upload of another user or room; UPLOAD_INCOMPLETE for an upload that is not verified.
        """
        name = keys.upload(upload)
        (owner, stored_room, media), life_ms = await asyncio.gather(
            self._read(upload, "owner", "room", "media"), self._redis.call("PTTL", name)
        )
        if owner is None or stored_room is None:
            raise RoomcastError(Code.UPLOAD_EXPIRED)
        if owner.decode() != user or stored_room.decode() != room:
            raise RoomcastError(Code.NOT_FOUND)
        if media is None:
            raise RoomcastError(Code.UPLOAD_INCOMPLETE)
        if life_ms < self._retention_ms:
            raise RoomcastError(Code.UPLOAD_EXPIRED, "the upload is too old for a new message")
        found: Media = msgspec.json.decode(media, type=Media)
        return found

    async def read_room(self, upload: str) -> str:
        """Return the room of a verified upload, to check the right to enter it first; raise NOT_FOUND."""
        room, media = await self._read(upload, "room", "media")
        if room is None or media is None:
            raise RoomcastError(Code.NOT_FOUND)
        return str(room.decode())

    async def _read(self, upload: str, *fields: str) -> list[bytes | None]:
        name = keys.upload(upload)
        found: list[bytes | None] = await self._redis.call("HMGET", name, *fields)
        return found
