"""Answer the three requests: sign, complete, url.

Completion first copies the object to a key that the client's upload form cannot overwrite, and then checks the bytes of
the copy. The steps are: claim the record, read the object's headers, copy exactly this object (by its ETag), check the
copy, store the result, remove the original. After a crash between two steps, a retry or the sweep finishes the work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from roomcast.contract.envelope import MediaRequest
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.fields import Room, UploadId
from roomcast.contract.events.media import Media, MediaComplete, MediaSign
from roomcast.media import detection, policy
from roomcast.media.dimensions import LONG_HEAD_BYTES, Dimensions, ImageError, TruncatedError, dimensions
from roomcast.media.file_names import disposition
from roomcast.media.file_types import FILE_TYPES, TEXT
from roomcast.media.records import CLAIM_SECONDS, Busy, Claimed, Records, Verified
from roomcast.media.storage import ChangedError, Storage
from roomcast.wire.tasks import TaskSet

BUSY_SECONDS: Final = 0.1
REFUSED_RETRY_SECONDS: Final = 5.0


class MediaUrl(msgspec.Struct, frozen=True):
    """The arguments of `url`; the gateway has checked the right to enter `room`."""

    upload: UploadId
    room: Room


class Settings(NamedTuple):
    """The validity of signed URLs and forms, in seconds."""

    upload_seconds: int
    download_seconds: int


class Inspected(NamedTuple):
    """The facts found in the bytes of a file: the size of an image, the encoding of a text."""

    shown: Dimensions | None
    charset: str | None


class Clock(Protocol):
    """Tells Redis's time."""

    async def now_ms(self) -> int:
        """Return milliseconds since the epoch."""
        ...


class Service:
    """Answers the requests of a signer. Many requests may run at once.

    `refusal` returns why the storage refuses every request, or None while the storage accepts requests.
    """

    def __init__(
        self,
        records: Records,
        storage: Storage,
        rules: policy.Policy,
        settings: Settings,
        clock: Clock,
        make_id: Callable[[], str],
        refusal: Callable[[], RoomcastError | None] = lambda: None,
    ) -> None:
        self._records = records
        self._storage = storage
        self._rules = rules
        self._settings = settings
        self._clock = clock
        self._make_id = make_id
        self._refusal = refusal

    async def handle(self, request: MediaRequest) -> dict[str, Any]:
        """Return the result of a request, in the form of its ack. Raise RoomcastError with the code for the ack."""
        try:
            if request.action == "sign":
                return await self._sign(request.user, msgspec.convert(request.args, MediaSign))
            if request.action == "complete":
                return await self._complete(request.user, msgspec.convert(request.args, MediaComplete))
            return await self._url(msgspec.convert(request.args, MediaUrl))
        except msgspec.ValidationError as error:
            raise RoomcastError(Code.BAD_REQUEST, str(error)) from None

    async def _sign(self, user: str, wanted: MediaSign) -> dict[str, Any]:
        announced = policy.admit(self._rules, wanted.name, wanted.type, wanted.size)
        if self._refusal() is not None:  # the form would fail in the browser, without a reason
            says = "the storage refuses uploads at present"
            raise RoomcastError(Code.MEDIA_UNAVAILABLE, says, retry_after=REFUSED_RETRY_SECONDS)
        upload = self._make_id()
        now_ms = await self._records.reserve(user, upload, announced.size)
        today = datetime.fromtimestamp(now_ms / 1000, UTC)
        key = policy.final_key(upload, announced.type, today.year, today.month)
        await self._records.open(upload, user, wanted.room, key, announced, now_ms)
        seconds = self._settings.upload_seconds
        form = await self._storage.upload_form(policy.incoming_key(upload), announced.type, announced.size, seconds)
        answer = {"upload": upload, "method": form.method, "url": form.url, "expires": now_ms + seconds * 1000}
        return answer | ({"fields": form.fields} if form.method == "POST" else {"headers": form.headers})

    async def _complete(self, user: str, wanted: MediaComplete) -> dict[str, Any]:
        token = self._make_id()
        state = await self._claim(wanted.upload, user, token)
        if isinstance(state, Verified):
            return {"media": state.media}
        holding = TaskSet()
        holding.start(self._hold(wanted.upload, user, token), f"claim of {wanted.upload}")
        try:
            try:
                found = await self._take_in(wanted.upload, state)
                media = await self._records.verify(wanted.upload, user, token, found)
            finally:
                await holding.cancel()  # before the release: a renewal after the release would claim the upload again
        except BaseException:
            with suppress(RoomcastError):
                await self._records.release(wanted.upload, token)
            raise
        with suppress(RoomcastError):  # if this fails, the sweep removes the object
            await self._storage.delete(policy.incoming_key(wanted.upload))
        return {"media": media}

    async def _claim(self, upload: str, user: str, token: str) -> Claimed | Verified:
        """Claim the upload. Wait while another attempt has the claim, until the request's deadline."""
        while True:
            state = await self._records.claim(upload, user, token)
            if not isinstance(state, Busy):
                return state
            await asyncio.sleep(BUSY_SECONDS)

    async def _hold(self, upload: str, user: str, token: str) -> None:
        """Renew the claim until cancelled, because the storage may be slow."""
        while True:
            await asyncio.sleep(CLAIM_SECONDS / 3)
            with suppress(RoomcastError):
                await self._records.claim(upload, user, token)

    async def _take_in(self, upload: str, claimed: Claimed) -> Media:
        """Copy the stored object to its final key, check the copy, and return its description.

        Raise RoomcastError if the check or the storage fails.
        """
        name, content_type, size = claimed.announced
        source = policy.incoming_key(upload)
        stored = await self._storage.head(source)
        if stored is None:
            raise RoomcastError(Code.UPLOAD_INCOMPLETE)
        stored_type = stored.type.partition(";")[0].strip().lower()
        if stored.size != size or stored_type != content_type:
            raise RoomcastError(Code.UPLOAD_MISMATCH, f"{stored.size} bytes of {stored_type}")
        try:
            await self._storage.move_in(source, claimed.key, stored.etag, content_type, disposition(name, content_type))
            found = await self._inspect(claimed)
            url = await self._download_url(claimed.key, content_type, found.charset, name)
        except ChangedError:
            raise RoomcastError(Code.UPLOAD_INCOMPLETE, "the upload changed while it was verified") from None
        except RoomcastError as error:
            if error.code is Code.UPLOAD_MISMATCH:
                await self._storage.delete(claimed.key)
            raise
        media: Media = {"upload": upload, "url": url, "type": content_type, "size": size, "name": name}
        if found.shown is not None:
            media |= {"width": found.shown.width, "height": found.shown.height}
        if found.charset is not None:
            media |= {"charset": found.charset}
        return media

    async def _inspect(self, claimed: Claimed) -> Inspected:
        """Read the bytes of the copy. Raise RoomcastError (UPLOAD_MISMATCH) if they do not match the announcement."""
        content_type = claimed.announced.type
        head = await self._storage.read_head(claimed.key, detection.HEAD_BYTES)
        if not detection.matches(head, content_type):
            raise RoomcastError(Code.UPLOAD_MISMATCH, f"the bytes are not {content_type}")
        if FILE_TYPES[content_type].family == TEXT:
            return Inspected(None, detection.charset(head))
        try:
            return Inspected(await self._measure(claimed, head), None)
        except ImageError as error:
            raise RoomcastError(Code.UPLOAD_MISMATCH, str(error)) from None

    async def _measure(self, claimed: Claimed, head: bytes) -> Dimensions | None:
        """Return the size of an image. If its header is long, read more. Raise ImageError for an unreadable image."""
        content_type, max_pixels = claimed.announced.type, self._rules.max_pixels
        try:
            return dimensions(head, content_type, max_pixels)
        except TruncatedError:
            if claimed.announced.size <= len(head):
                raise
        return dimensions(await self._storage.read_head(claimed.key, LONG_HEAD_BYTES), content_type, max_pixels)

    async def _url(self, wanted: MediaUrl) -> dict[str, Any]:
        found = await self._records.find(wanted.upload)
        room, key, media = found or ("", "", None)
        if room != wanted.room or media is None:
            raise RoomcastError(Code.NOT_FOUND)
        url = await self._download_url(key, media["type"], media.get("charset"), media["name"])
        expires = await self._clock.now_ms() + self._settings.download_seconds * 1000
        return {"url": url, "expires": expires, "room": room}

    async def _download_url(self, key: str, content_type: str, charset: str | None, name: str) -> str:
        served = policy.served_type(content_type, charset)
        seconds = self._settings.download_seconds
        return await self._storage.download_url(key, served, disposition(name, content_type), seconds)
