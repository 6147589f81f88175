"""Small fakes at the ports of the signer: records, storage, bus, and errors of the storage's driver."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from roomcast.contract.envelope import MediaReply, MediaRequest
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.media import Media
from roomcast.media.bus import Entry
from roomcast.media.policy import Announced
from roomcast.media.records import Busy, Claimed, Verified
from roomcast.media.storage import ChangedError, Method, Stored, UploadForm


class Counts:
    """An observer that records every event."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *values: self.events.append((name, *values))

    def of(self, name: str) -> list[tuple[Any, ...]]:
        return [event[1:] for event in self.events if event[0] == name]


class Files:
    """A storage in memory that records every call."""

    def __init__(self, method: Method = "POST") -> None:
        self.method: Method = method
        self.objects: dict[str, tuple[bytes, str]] = {}
        self.calls: list[tuple[str, ...]] = []
        self.failing: dict[str, Exception] = {}

    def _note(self, *call: str) -> None:
        self.calls.append(call)
        if (error := self.failing.get(call[0])) is not None:
            raise error

    async def upload_form(self, key: str, content_type: str, size: int, seconds: int) -> UploadForm:
        self._note("form", key, content_type, str(size))
        return UploadForm(self.method, "https://files", {"key": key}, {"Content-Type": content_type})

    async def download_url(self, key: str, content_type: str, disposition: str, seconds: int) -> str:
        self._note("link", key, content_type)
        return f"https://files/{key}"

    async def head(self, key: str) -> Stored | None:
        self._note("head", key)
        found = self.objects.get(key)
        return None if found is None else Stored(len(found[0]), found[1], "etag")

    async def read_head(self, key: str, max_bytes: int) -> bytes:
        self._note("read", key, str(max_bytes))
        return self.objects[key][0][:max_bytes]

    async def move_in(self, source: str, target: str, etag: str, content_type: str, disposition: str) -> None:
        self._note("copy", source, target, content_type)
        if source not in self.objects:
            raise ChangedError(source)
        self.objects[target] = (self.objects[source][0], content_type)

    async def delete(self, key: str) -> None:
        self._note("delete", key)
        self.objects.pop(key, None)


class Uploads:
    """The records of uploads in memory."""

    def __init__(self, *states: Claimed | Busy | Verified) -> None:
        self.states = list(states)
        self.released: list[str] = []
        self.opened: list[tuple[str, Announced]] = []
        self.found: tuple[str, str, Media | None] | None = None
        self.waiting: list[str] = []
        self.forgotten: list[str] = []
        self.is_leased = False
        self.quota: RoomcastError | None = None

    async def reserve(self, user: str, upload: str, size: int) -> int:
        if self.quota is not None:
            raise self.quota
        return 1_795_000_000_000

    async def open(self, upload: str, user: str, room: str, key: str, announced: Announced, now_ms: int) -> None:
        self.opened.append((key, announced))

    async def claim(self, upload: str, user: str, token: str) -> Claimed | Busy | Verified:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    async def verify(self, upload: str, user: str, token: str, media: Media) -> Media:
        return media

    async def release(self, upload: str, token: str) -> None:
        self.released.append(upload)

    async def find(self, upload: str) -> tuple[str, str, Media | None] | None:
        return self.found

    async def list_overdue(self, now_ms: int, count: int) -> list[str]:
        return self.waiting[:count]

    async def forget_incoming(self, key: str) -> None:
        self.forgotten.append(key)

    async def lease_sweep(self, holder: str, seconds: float) -> bool:
        return not self.is_leased

    async def end_sweep(self) -> None:
        self.is_leased = False


class Requests:
    """A stream of requests in memory."""

    def __init__(self, *entries: Entry, now_ms: int = 0) -> None:
        self.new = list(entries)
        self.claims_of_dead_signers: list[Entry] = []
        self.time_ms = now_ms
        self.answers: list[MediaReply] = []
        self.dropped: list[str] = []
        self.renewed: list[set[str]] = []
        self.joins = 0
        self.failing: list[RoomcastError] = []
        self.mute: RoomcastError | None = None

    async def join(self) -> None:
        self.joins += 1

    async def read(self, count: int) -> list[Entry]:
        await asyncio.sleep(0)
        if self.failing:
            raise self.failing.pop(0)
        taken, self.new = self.new[:count], self.new[count:]
        return taken

    async def renew(self, entries: set[str]) -> None:
        self.renewed.append(set(entries))

    async def claim(self, idle_seconds: float, count: int) -> list[Entry]:
        taken, self.claims_of_dead_signers = self.claims_of_dead_signers[:count], self.claims_of_dead_signers[count:]
        return taken

    async def answer(self, entry: Entry, reply: MediaReply) -> None:
        if self.mute is not None:
            raise self.mute
        self.answers.append(reply)

    async def drop(self, entry: Entry) -> None:
        self.dropped.append(entry.id)

    async def now_ms(self) -> int:
        return self.time_ms

    async def forget_idle_consumers(self, idle_seconds: float) -> int:
        return 0


def request(action: Any = "sign", deadline_ms: int = 60_000, user: str = "ada", **args: Any) -> MediaRequest:
    return MediaRequest(f"r-{action}", "1", user, action, args, deadline_ms)


def refused(status: int, code: str = "") -> ClientError:
    """Return the exception that the driver raises for a refusal of the storage."""
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "call")


UNAVAILABLE = RoomcastError(Code.UNAVAILABLE, "redis: ConnectionError: away")
LOST_GROUP = RoomcastError(Code.UNAVAILABLE, "redis: ResponseError: NOGROUP No such key")
