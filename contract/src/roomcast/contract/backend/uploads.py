"""Upload files for users: send requests to the media signers, and read the records of verified uploads.

    sign_upload, complete_upload, upload_url --MediaRequest--> stream ... signer ... --MediaReply--> media:replies:{…}

Each request has its own list for the reply, because the account of a back end may not subscribe.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Any, Final, Literal

import msgspec

from roomcast.contract import keys
from roomcast.contract.backend.redis_link import RedisLink, check_ids, translated
from roomcast.contract.envelope import MediaReply, MediaRequest
from roomcast.contract.errors import Code, RoomcastError, by_number
from roomcast.contract.events.media import Media, MediaComplete, MediaSign, MediaUrl
from roomcast.wire.envelope import EnvelopeError, Reader, pack

MAX_REQUESTS: Final = 10_000
"""The most requests in the stream. Without a signer, requests pass their deadlines long before the stream is full."""

MAX_WAITING: Final = 40
"""The most requests of one client that may wait at once. Each occupies a connection of the client's pool."""

_SIGN_SECONDS: Final = 3.0
_COMPLETE_SECONDS: Final = 10.0
_RETRY_SECONDS: Final = 1.0
_WAIT_SECONDS: Final = 1
"""The timeout of one BLPOP, in seconds: shorter than the client's socket timeout."""
_Action = Literal["sign", "complete", "url"]


class Uploads(RedisLink):
    """The methods of `Backend` for uploads. They raise MEDIA_UNAVAILABLE when no signer answers in time."""

    _requests = 0
    """The number of requests that wait for a signer. Each occupies a connection."""

    async def sign_upload(
        self,
        user: str,
        room: str,
        name: str,
        *,
        type: str = "",  # noqa: A002 (the protocol's name)
        size: int,
        width: int | None = None,
        height: int | None = None,
    ) -> dict[str, Any]:
        """Return a form for one file of `user` in `room`: `{upload, method, url, fields or headers, expires}`.

        Raise MEDIA_REFUSED for a type, name or size that is not allowed, and RATE_LIMITED above the user's limits.
        """
        wanted = {"room": room, "name": name, "type": type, "size": size, "width": width, "height": height}
        return await self._ask(user, "sign", _checked(MediaSign, wanted), _SIGN_SECONDS)

    async def complete_upload(self, user: str, upload: str) -> dict[str, Any]:
        """Let a signer verify an uploaded file. Return `{media}`. Afterwards, `publish` accepts the upload.

        Raise UPLOAD_INCOMPLETE if the storage does not have the file yet, UPLOAD_MISMATCH for another file than the
        announced one, UPLOAD_EXPIRED for an unknown upload, and NOT_FOUND for an upload of another user.
        """
        return await self._ask(user, "complete", _checked(MediaComplete, {"upload": upload}), _COMPLETE_SECONDS)

    async def upload_url(self, user: str, upload: str) -> dict[str, Any]:
        """Return a link to a verified file: `{url, expires}`. Raise NOT_FOUND."""
        wanted = _checked(MediaUrl, {"upload": upload})
        room, media = await self._call("HMGET", keys.upload(upload), "room", "media")
        if room is None or media is None:
            raise RoomcastError(Code.NOT_FOUND, "no such verified upload")
        found = await self._ask(user, "url", {**wanted, "room": room.decode()}, _SIGN_SECONDS)
        found.pop("room", None)
        return found

    async def _media_of(self, upload: str, user: str, room: str) -> Media:
        """Return the media of a verified upload for a message of `user` in `room`. Raise the gateways' errors."""
        name = keys.upload(_checked(MediaUrl, {"upload": upload})["upload"])
        owner, stored_room, media = await self._call("HMGET", name, "owner", "room", "media")
        if owner is None or stored_room is None:
            raise RoomcastError(Code.UPLOAD_EXPIRED)
        if owner.decode() != user or stored_room.decode() != room:
            raise RoomcastError(Code.NOT_FOUND, "the upload belongs to another user, or to another room")
        if media is None:
            raise RoomcastError(Code.UPLOAD_INCOMPLETE)
        if int(await self._call("PTTL", name)) < self._retention.age_seconds * 1000:
            raise RoomcastError(Code.UPLOAD_EXPIRED, "the upload is too old for a new message")
        return msgspec.json.decode(media, type=Media)

    async def _ask(self, user: str, action: _Action, args: dict[str, Any], seconds: float) -> dict[str, Any]:
        check_ids(None, user)
        if self._requests >= MAX_WAITING:
            raise RoomcastError(Code.MEDIA_UNAVAILABLE, "too many requests wait", retry_after=_RETRY_SECONDS)
        self._requests += 1
        try:
            return await self._ask_signers(user, action, args, seconds)
        finally:
            self._requests -= 1

    async def _ask_signers(self, user: str, action: _Action, args: dict[str, Any], seconds: float) -> dict[str, Any]:
        request, reply_to = secrets.token_urlsafe(12), keys.BACK_END_NODE + secrets.token_hex(8)
        try:
            async with asyncio.timeout(seconds):
                now, micros = await self._time()
                deadline_ms = now * 1000 + micros // 1000 + int(seconds * 1000)
                packed = pack(MediaRequest(request, reply_to, user, action, args, deadline_ms))
                await self._call("XADD", keys.MEDIA_REQUESTS, "MAXLEN", "~", MAX_REQUESTS, "*", "m", packed)
                return _result(await self._reply(reply_to, request))
        except TimeoutError:
            pass
        raise RoomcastError(Code.MEDIA_UNAVAILABLE, retry_after=_RETRY_SECONDS)

    async def _reply(self, reply_to: str, request: str) -> MediaReply:
        """Wait for the answer to a request."""
        reader, name = Reader(MediaReply), self._keyspace.name(keys.media_replies(reply_to))
        while True:
            with translated(Code.OUTCOME_UNKNOWN):
                found = await self._redis.blpop([name], timeout=_WAIT_SECONDS)
            if found is None:
                continue
            try:
                reply: MediaReply = reader.unpack(found[1])
            except EnvelopeError:
                continue
            if reply.request == request:
                return reply


def _result(reply: MediaReply) -> dict[str, Any]:
    if reply.result is not None:
        return dict(reply.result)
    raise RoomcastError(by_number(reply.error), reply.detail, retry_after=reply.retry_after or None)


def _checked(form: type[msgspec.Struct], wanted: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a request in the form that clients send. Raise BAD_REQUEST for invalid arguments."""
    try:
        found: dict[str, Any] = msgspec.to_builtins(msgspec.convert(wanted, form))
        msgspec.msgpack.encode(found)  # refuses half a surrogate pair, which the conversion accepts
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise RoomcastError(Code.BAD_REQUEST, str(error)) from None
    return found
