"""The three requests: sign, complete, url.

Completion copies the object away from where its form can still write, and only then believes its bytes. So the order is
fixed: claim the record, look at the object, copy exactly that one (by its ETag), read the copy, write down what it is,
remove the original. A crash between two steps leaves nothing that a retry or the sweep does not finish.
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
from roomcast.contract.events import Media, MediaComplete, MediaSign, Room, UploadId
from roomcast.media import policy, probe
from roomcast.media.records import CLAIM_SECONDS, Busy, Claimed, Records, Verified
from roomcast.media.storage import ChangedError, Storage
from roomcast.wire.tasks import TaskSet

BUSY_SECONDS: Final = 0.1


class MediaUrl(msgspec.Struct, frozen=True):
    """The arguments of `url`; the gateway has checked the right to enter `room`."""

    upload: UploadId
    room: Room


class Settings(NamedTuple):
    """Lives of signatures, in seconds."""

    upload_seconds: int
    download_seconds: int


class Clock(Protocol):
    """Redis's clock, milliseconds since the epoch."""

    async def now_ms(self) -> int: ...


class Service:
    """What signers do, for one request at a time; safe to run for many at once."""

    def __init__(
        self,
        records: Records,
        storage: Storage,
        rules: policy.Policy,
        settings: Settings,
        clock: Clock,
        make_id: Callable[[], str],
    ) -> None:
        self._records = records
        self._storage = storage
        self._rules = rules
        self._settings = settings
        self._clock = clock
        self._make_id = make_id

    async def handle(self, request: MediaRequest) -> dict[str, Any]:
        """The result of a request, as its ack carries it. Raises RoomcastError."""
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
                await holding.cancel()  # before the release, or it takes again what was given up
        except BaseException:
            with suppress(RoomcastError):
                await self._records.release(wanted.upload, token)
            raise
        with suppress(RoomcastError):  # the sweep removes it otherwise
            await self._storage.delete(policy.incoming_key(wanted.upload))
        return {"media": media}

    async def _claim(self, upload: str, user: str, token: str) -> Claimed | Verified:
        """Take the upload; while another attempt is at it, wait, for as long as the request lives."""
        while True:
            state = await self._records.claim(upload, user, token)
            if not isinstance(state, Busy):
                return state
            await asyncio.sleep(BUSY_SECONDS)

    async def _hold(self, upload: str, user: str, token: str) -> None:
        """Keep the claim while the storage takes its time."""
        while True:
            await asyncio.sleep(CLAIM_SECONDS / 3)
            with suppress(RoomcastError):
                await self._records.claim(upload, user, token)

    async def _take_in(self, upload: str, claimed: Claimed) -> Media:
        """Copy what was stored to its final key, and say what it is. Raises RoomcastError; then no copy is left."""
        name, content_type, size = claimed.announced
        source = policy.incoming_key(upload)
        stored = await self._storage.head(source)
        if stored is None:
            raise RoomcastError(Code.UPLOAD_INCOMPLETE)
        stored_type = stored.type.partition(";")[0].strip().lower()
        if stored.size != size or stored_type != content_type:
            raise RoomcastError(Code.UPLOAD_MISMATCH, f"{stored.size} bytes of {stored_type}")
        disposition = policy.disposition(name, content_type)
        try:
            await self._storage.move_in(source, claimed.key, stored.etag, policy.served_type(content_type), disposition)
            shown = await self._measure(claimed)
            url = await self._download_url(claimed.key, content_type, name)
        except ChangedError:
            raise RoomcastError(Code.UPLOAD_INCOMPLETE, "it changed while it was looked at") from None
        except RoomcastError as error:
            if error.code is Code.UPLOAD_MISMATCH:
                await self._storage.delete(claimed.key)
            raise
        media: Media = {"upload": upload, "url": url, "type": content_type, "size": size, "name": name}
        if shown is not None:
            media |= {"width": shown.width, "height": shown.height}
        return media

    async def _measure(self, claimed: Claimed) -> probe.Dimensions | None:
        """Dimensions from the copy's own bytes. Raises RoomcastError (UPLOAD_MISMATCH) when they are something else."""
        content_type, size = claimed.announced.type, claimed.announced.size
        head = await self._storage.read_head(claimed.key, probe.HEAD_BYTES)
        if not probe.matches(head, content_type):
            raise RoomcastError(Code.UPLOAD_MISMATCH, f"the bytes are not {content_type}")
        try:
            try:
                return probe.dimensions(head, content_type, self._rules.max_pixels)
            except probe.TruncatedError:
                if size <= len(head):
                    raise
                head = await self._storage.read_head(claimed.key, probe.LONG_HEAD_BYTES)
                return probe.dimensions(head, content_type, self._rules.max_pixels)
        except probe.ProbeError as error:
            raise RoomcastError(Code.UPLOAD_MISMATCH, str(error)) from None

    async def _url(self, wanted: MediaUrl) -> dict[str, Any]:
        found = await self._records.find(wanted.upload)
        room, key, media = found or ("", "", None)
        if room != wanted.room or media is None:
            raise RoomcastError(Code.NOT_FOUND)
        url = await self._download_url(key, media["type"], media["name"])
        expires = await self._clock.now_ms() + self._settings.download_seconds * 1000
        return {"url": url, "expires": expires, "room": room}

    async def _download_url(self, key: str, content_type: str, name: str) -> str:
        disposition = policy.disposition(name, content_type)
        served = policy.served_type(content_type)
        return await self._storage.download_url(key, served, disposition, self._settings.download_seconds)
