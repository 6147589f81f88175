"""Delete uploads that were never completed, and objects that a form stored again after its upload was complete.

Every upload is listed in `media:incoming` until its form has expired and a grace period has passed. Then the sweep
deletes the object under its incoming key. If the upload has no record any more, it was never verified, and the sweep
also deletes the copy that a crashed signer may have left. One signer sweeps at a time, in limited steps. Two signers
may delete the same object without harm, so the lease needs no fencing token.
"""

from __future__ import annotations

import asyncio
import logging
import random
from pathlib import PurePosixPath
from typing import Final, Protocol

from roomcast.contract.errors import RoomcastError
from roomcast.media import policy
from roomcast.media.bus import Bus
from roomcast.media.records import Records
from roomcast.media.storage import Storage
from roomcast.wire.limited_log import LimitedLog

STEP: Final = 100
LEASE_SECONDS: Final = 30.0
CONSUMER_IDLE_SECONDS: Final = 600.0
_limited = LimitedLog(logging.getLogger(__name__))


class Observer(Protocol):
    """Counts the uploads that a sweep removed from its list."""

    def swept(self, kind: str, count: int) -> None:
        """Count uploads that a sweep removed. `kind`: `abandoned`, or `completed` (the file stays)."""


class Sweep:
    """Deletes abandoned uploads for all signers, while this signer has the lease."""

    def __init__(self, bus: Bus, records: Records, storage: Storage, observer: Observer, holder: str) -> None:
        self._bus = bus
        self._records = records
        self._storage = storage
        self._observer = observer
        self._holder = holder

    async def run(self, pause_seconds: float) -> None:
        """Sweep until cancelled. After a failure, log it, and try again in the next sweep."""
        while True:
            await asyncio.sleep(pause_seconds * random.uniform(0.7, 1.3))  # noqa: S311 - spread, no secret
            try:
                await self.once()
            except RoomcastError as error:
                _limited.warning("sweep", "sweep failed: %s", error.detail)
            except TimeoutError:
                _limited.warning("lease", "sweep failed: it took longer than its lease")

    async def once(self) -> None:
        """Sweep one step if this signer gets the lease. Raise RoomcastError, or TimeoutError if the lease ends."""
        if not await self._records.lease_sweep(self._holder, LEASE_SECONDS):
            return
        async with asyncio.timeout(LEASE_SECONDS):
            await self._bus.forget_idle_consumers(CONSUMER_IDLE_SECONDS)
            for key in await self._records.list_overdue(await self._bus.now_ms(), STEP):
                await self._collect(key)
        await self._records.end_sweep()

    async def _collect(self, key: str) -> None:
        upload = PurePosixPath(key).stem
        record = await self._records.find(upload)
        if record is not None and record[2] is None:
            return  # a signer is still completing the upload: leave the upload to a later sweep
        await self._storage.delete(policy.incoming_key(upload))
        if record is None:
            await self._storage.delete(key)
        await self._records.forget_incoming(key)
        self._observer.swept("abandoned" if record is None else "completed", 1)
