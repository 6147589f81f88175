"""Read requests from the stream, handle many at once, and answer each before its deadline.

Signing needs no storage. So that signing does not wait for completions when the storage hangs, the number of
completions has a separate limit. Above it, the signer refuses completions at once.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple, Protocol

import structlog

from roomcast.contract.envelope import MediaReply, MediaRequest
from roomcast.contract.errors import Code, RoomcastError
from roomcast.media.bus import Bus, Entry, is_group_missing
from roomcast.wire.backoff import Backoff
from roomcast.wire.limited_log import LimitedLog
from roomcast.wire.tasks import TaskSet

ANSWER_MARGIN_SECONDS: Final = 0.2
"""The latest time to send an answer, in seconds before the request's deadline, so that the answer arrives in time."""

FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 2.0
_log = structlog.get_logger(__name__)
_limited = LimitedLog(logging.getLogger(__name__))


class Bounds(NamedTuple):
    """The limits of a signer's work.

    `in_flight`: requests at once; `completing`: completions at once, and `completing_of_user` those of one user;
    `claim_seconds`: the idle time after which another signer claims a request.
    """

    in_flight: int = 128
    completing: int = 48
    completing_of_user: int = 8
    claim_seconds: float = 2.0


class Observer(Protocol):
    """Counts requests."""

    def handled(self, action: str, outcome: str, seconds: float) -> None:
        """Count one request with its outcome and its time from stream to answer."""

    def in_flight(self, count: int) -> None:
        """Set the number of requests in progress."""

    def claimed(self, count: int) -> None:
        """Count requests that were taken over from other signers."""

    def bus_failed(self) -> None:
        """Count a failed read from Redis."""


class Signer:
    """Serves requests as one consumer of the stream. `handle` returns a request's result, or raises RoomcastError."""

    def __init__(
        self,
        bus: Bus,
        handle: Callable[[MediaRequest], Awaitable[dict[str, Any]]],
        observer: Observer,
        bounds: Bounds = Bounds(),  # noqa: B008 - immutable
    ) -> None:
        self._bus = bus
        self._handle = handle
        self._observer = observer
        self._bounds = bounds
        self._tasks = TaskSet()
        self._serving: set[str] = set()
        self._completing: Counter[str] = Counter()
        """User -> the user's completions in progress."""
        self._next_claim = 0.0
        self._last_heard = 0.0
        self._task_ended = asyncio.Event()

    @property
    def silent_seconds(self) -> float:
        """The seconds since Redis last answered; infinite before the first answer."""
        return time.monotonic() - self._last_heard if self._last_heard else float("inf")

    async def run(self, stopping: asyncio.Event) -> None:
        """Serve until `stopping` is set. Requests in progress then continue; see `finish`."""
        backoff, joined = Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS), False
        while not stopping.is_set():
            try:
                if not joined:
                    await self._bus.join()
                    joined = True
                await self._turn()
                backoff.reset()
            except RoomcastError as error:
                joined = joined and not is_group_missing(error)
                self._observer.bus_failed()
                _limited.warning("read", "requests cannot be read: %s", error.detail)
                await _wait_until(stopping, backoff.pause())

    async def finish(self, seconds: float) -> bool:
        """Wait at most `seconds` for requests in progress. Return whether all ended. Other signers claim the rest."""
        deadline = time.monotonic() + seconds
        while len(self._tasks) and time.monotonic() < deadline:
            await self._wait_for_end(deadline - time.monotonic())
        done = not len(self._tasks)
        await self._tasks.cancel()
        return done

    async def _turn(self) -> None:
        free = self._bounds.in_flight - len(self._tasks)
        entries = await self._upkeep(free)
        if free > len(entries):
            entries += await self._bus.read(free - len(entries))
        else:
            await self._wait_for_end(0.5)
        now_ms = await self._bus.now_ms()
        self._last_heard = time.monotonic()
        for entry in entries:
            self._tasks.start(self._serve(entry, now_ms), f"request {entry.id}")
        self._observer.in_flight(len(self._tasks))

    async def _upkeep(self, free: int) -> list[Entry]:
        """If it is time, renew the requests in progress, and claim up to `free` requests of dead signers."""
        now = time.monotonic()
        if now < self._next_claim:
            return []
        self._next_claim = now + self._bounds.claim_seconds * random.uniform(0.2, 0.4)  # noqa: S311 - spread, no secret
        await self._bus.renew(self._serving)
        claimed = await self._bus.claim(self._bounds.claim_seconds, free) if free > 0 else []
        if claimed:
            self._observer.claimed(len(claimed))
        return claimed

    async def _serve(self, entry: Entry, now_ms: int) -> None:
        """Handle one request from stream to answer. If Redis fails, the request stays in the stream for another try."""
        started = time.perf_counter()
        self._serving.add(entry.id)
        action = entry.request.action if entry.request else "unreadable"
        try:
            outcome = await self._settle(entry, now_ms)
        except RoomcastError as error:
            outcome = error.code.reason
            _limited.warning("answer", "a %s request could not be answered: %s", action, error.detail)
        finally:
            self._serving.discard(entry.id)
            self._task_ended.set()
        self._observer.handled(action, outcome, time.perf_counter() - started)

    async def _settle(self, entry: Entry, now_ms: int) -> str:
        """Answer or drop one request. Return the outcome, as the metrics name it."""
        request = entry.request
        if request is None:
            await self._bus.drop(entry)
            return "unreadable"
        seconds = (request.deadline_ms - now_ms) / 1000
        if seconds <= 0:
            await self._bus.drop(entry)
            return "too_late"
        reply, outcome = await self._reply(request, max(seconds - ANSWER_MARGIN_SECONDS, seconds / 2))
        await self._bus.answer(entry, reply)
        return outcome

    async def _reply(self, request: MediaRequest, seconds: float) -> tuple[MediaReply, str]:
        try:
            result = await self._bounded(request, seconds)
            return MediaReply(request.request, result), "ok"
        except RoomcastError as error:
            refusal = error
        except TimeoutError:
            refusal = RoomcastError(Code.MEDIA_UNAVAILABLE, "the storage does not answer in time")
        except Exception:
            _log.exception("a request failed", action=request.action)
            refusal = RoomcastError(Code.INTERNAL)
        wait = refusal.retry_after or 0.0
        detail = "" if refusal.code is Code.UNAVAILABLE else refusal.detail
        return MediaReply(request.request, None, refusal.code.number, detail, wait), refusal.code.reason

    async def _bounded(self, request: MediaRequest, seconds: float) -> dict[str, Any]:
        if request.action != "complete":
            async with asyncio.timeout(seconds):
                return await self._handle(request)
        own, bounds = self._completing[request.user], self._bounds
        if own >= bounds.completing_of_user or self._completing.total() >= bounds.completing:
            raise RoomcastError(Code.MEDIA_UNAVAILABLE, "too many uploads are being verified", retry_after=1.0)
        self._completing[request.user] += 1
        try:
            async with asyncio.timeout(seconds):
                return await self._handle(request)
        finally:
            self._completing[request.user] -= 1
            self._completing += Counter()  # drops the users without completions

    async def _wait_for_end(self, seconds: float) -> None:
        self._task_ended.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._task_ended.wait()
        except TimeoutError:
            return
        await asyncio.sleep(0)  # so that the finished task is removed from the set


async def _wait_until(stopping: asyncio.Event, seconds: float) -> None:
    """Wait for `seconds`, or until `stopping` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return
