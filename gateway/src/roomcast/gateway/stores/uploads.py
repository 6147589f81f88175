"""Read the records of uploads (`upload:{U}`) from Redis."""

from __future__ import annotations

import asyncio

import msgspec

from roomcast.contract import keys
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.media import Media
from roomcast.gateway.stores.redis_port import RedisPort, Scripts


class Uploads:
    """Reads upload records for messages and links; never changes a record. Raises RoomcastError when Redis fails.

    `retention_seconds` is the life of messages, and must equal the signers' value. A signer keeps the record of a
    verified upload for one day longer. A message can name the upload only on that first day, so the record outlives
    the message.
    """

    def __init__(self, scripts: Scripts, retention_seconds: int = 30 * 86_400) -> None:
        self._redis = RedisPort(scripts)
        self._retention_ms = retention_seconds * 1000

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
        if life_ms < self._retention_ms:  # verified more than a day ago: the record could end before the message
            raise RoomcastError(Code.UPLOAD_EXPIRED, "the upload is too old for a new message")
        found: Media = msgspec.json.decode(media, type=Media)
        return found

    async def read_room(self, upload: str) -> str:
        """Return the room of a verified upload. The caller checks that the user may enter the room.

        Raise RoomcastError (NOT_FOUND) for an upload that is unknown or not verified.
        """
        room, media = await self._read(upload, "room", "media")
        if room is None or media is None:
            raise RoomcastError(Code.NOT_FOUND)
        return str(room.decode())

    async def _read(self, upload: str, *fields: str) -> list[bytes | None]:
        name = keys.upload(upload)
        found: list[bytes | None] = await self._redis.call("HMGET", name, *fields)
        return found
