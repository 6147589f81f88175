"""Watch the storage: set up the bucket if that is configured, and probe it with a signed request every few seconds.

Signing sends no request. So without the probe, only browsers would notice a wrong secret or a dead endpoint.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import structlog

from roomcast.contract.errors import Code, RoomcastError
from roomcast.media.storage import RefusedError

PROBE_SECONDS: Final = 5.0
PROBE_TIMEOUT_SECONDS: Final = 4.0
RETRY_SECONDS: Final = 1.0
SET_UP_SECONDS: Final = 60.0
"""Seconds between two set-ups of the bucket. They are repeated because a development storage may lose its settings."""

_log = structlog.get_logger(__name__)
Call = Callable[[], Awaitable[None]]


class Observer(Protocol):
    """Shows whether the storage accepts the signer's requests."""

    def storage_up(self, is_up: bool) -> None:
        """Show whether the storage accepts signed requests."""


class StorageHealth:
    """The state of the storage: whether it accepts the signer's requests.

    `probe` sends a signed request. `set_up` prepares the bucket and probes it. `set_up` is None if the signer must not
    set up the bucket. Both raise RoomcastError if the storage fails or refuses a request.
    """

    def __init__(
        self, probe: Call, set_up: Call | None, observer: Observer, probe_seconds: float = PROBE_SECONDS
    ) -> None:
        self._probe = probe
        self._set_up = set_up
        self._observer = observer
        self._probe_seconds = probe_seconds
        self._next_set_up = 0.0
        self._failures = 0
        self.is_up = False
        self.refusal: RoomcastError | None = None
        """The reason why the storage refuses every request; None while it accepts requests."""

    async def run(self) -> None:
        """Check the storage until cancelled."""
        while True:
            await self.check()
            await asyncio.sleep(self._probe_seconds if self.is_up else RETRY_SECONDS)

    async def check(self) -> None:
        """Check the storage once. Store the result, and log a change."""
        try:
            if self._set_up is not None and time.monotonic() >= self._next_set_up:
                await self._set_up()
                self._next_set_up = time.monotonic() + SET_UP_SECONDS
            else:
                await self._probe_in_time()
        except RoomcastError as error:
            self._note_failure(error)
        else:
            self._note_success()
        self._observer.storage_up(self.is_up)

    async def _probe_in_time(self) -> None:
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
                await self._probe()
        except TimeoutError:
            raise RoomcastError(Code.MEDIA_UNAVAILABLE, "storage: probe: no answer in time") from None

    def _note_failure(self, error: RoomcastError) -> None:
        self.is_up = False
        self.refusal = error if isinstance(error, RefusedError) else None
        self._next_set_up = 0.0
        self._failures += 1
        if (
            self._failures & (self._failures - 1) == 0
        ):  # log only the 1st, 2nd, 4th, 8th… consecutive failure, so that an outage does not flood the log
            says = "the storage refuses the signer: check credentials, rights and bucket"
            _log.error(
                says if self.refusal else "the storage does not answer", reason=error.detail, failures=self._failures
            )

    def _note_success(self) -> None:
        if self._failures or not self.is_up:
            _log.info("the storage accepts signed requests", failures=self._failures)
        self.is_up, self.refusal, self._failures = True, None, 0
