"""Uploads as a gateway sees them in Redis: reads `upload:{U}`, and posts requests to the signers' stream."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from redis.exceptions import RedisError

from contract import keys
from contract.envelope import MediaRequest, pack
from contract.errors import Code, RoomcastError
from contract.events import Media

MAX_REQUESTS: Final = 10_000
"""Requests kept in the stream: with no signer alive, all of them are past their deadlines long before."""


class Uploads:
    """`client`: a redis.asyncio client (one server, Sentinel or cluster) whose commands end within about a second.

    `retention_seconds`: how long messages live; the record of an upload that a message names lives as long.
    Is a `gateway.media.MediaPort`. Every method raises RoomcastError; a Redis that does not answer is UNAVAILABLE for
    reads and MEDIA_UNAVAILABLE for requests.
    """

    def __init__(self, client: Any, retention_seconds: int = 30 * 86_400) -> None:
        self._client = client
        self._retention_ms = retention_seconds * 1000

    async def now_ms(self) -> int:
        """Redis's clock, milliseconds since the epoch."""
        with _translated(Code.MEDIA_UNAVAILABLE):
            seconds, microseconds = await self._client.time()
        return int(seconds) * 1000 + int(microseconds) // 1000

    async def post(self, request: MediaRequest) -> None:
        """Hand a request to whichever signer is first."""
        with _translated(Code.MEDIA_UNAVAILABLE):
            await self._client.xadd(keys.MEDIA_REQUESTS, {"m": pack(request)}, maxlen=MAX_REQUESTS, approximate=True)

    async def verified_media(self, upload: str, user: str, room: str) -> Media:
        """What a message of `user` in `room` may say about this upload; its record then lives as long as the message.

        Raises RoomcastError: UPLOAD_EXPIRED for an unknown one, NOT_FOUND for another user's or another room's,
        UPLOAD_INCOMPLETE before it was verified.
        """
        name = keys.upload(upload)
        owner, stored_room, media = await self._read(upload, "owner", "room", "media")
        if owner is None or stored_room is None:
            raise RoomcastError(Code.UPLOAD_EXPIRED)
        if owner.decode() != user or stored_room.decode() != room:
            raise RoomcastError(Code.NOT_FOUND)
        if media is None:
            raise RoomcastError(Code.UPLOAD_INCOMPLETE)
        with _translated(Code.UNAVAILABLE):
            await self._client.pexpire(name, self._retention_ms, gt=True)
        found: Media = msgspec.json.decode(media, type=Media)
        return found

    async def room_of(self, upload: str) -> str:
        """The room of a verified upload: check the right to enter it before anything is told. Raises NOT_FOUND."""
        room, media = await self._read(upload, "room", "media")
        if room is None or media is None:
            raise RoomcastError(Code.NOT_FOUND)
        return str(room.decode())

    async def _read(self, upload: str, *fields: str) -> list[bytes | None]:
        with _translated(Code.UNAVAILABLE):
            found = await self._client.hmget(keys.upload(upload), fields)
        return [value.encode() if isinstance(value, str) else value for value in found]


@contextmanager
def _translated(code: Code) -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise RoomcastError(code, "redis does not answer") from error
