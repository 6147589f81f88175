"""Repeat checks until Redis has answered them.

While Redis does not answer, control messages may still arrive, because subscriptions have a connection of their own.
Users can cause hundreds of such messages each second. So at most one check of a subject runs or waits, and all changes
during this check share one further check.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Final

from roomcast.contract.errors import RoomcastError
from roomcast.wire.tasks import StartTask

RETRY_SECONDS: Final = 0.5
Check = Callable[[], Awaitable[None]]


class RepeatedChecks:
    """Checks in the background, each repeated until it succeeds."""

    def __init__(self, start_task: StartTask) -> None:
        self._start_task = start_task
        self._is_due_again: dict[Hashable, bool] = {}
        """Subject with a check in progress -> whether the subject has changed since the check began."""

    def __len__(self) -> int:
        return len(self._is_due_again)

    def start(self, subject: Hashable, check: Check, name: str) -> None:
        """Check a subject that has changed. `check` must do the same as the earlier checks of this subject."""
        if subject in self._is_due_again:
            self._is_due_again[subject] = True
        else:
            self._is_due_again[subject] = False
            self._start_task(self._run(subject, check), name)

    async def _run(self, subject: Hashable, check: Check) -> None:
        try:
            is_due = True
            while is_due:
                self._is_due_again[subject] = False
                await until_answered(check)
                is_due = self._is_due_again[subject]
        finally:
            del self._is_due_again[subject]


async def until_answered(check: Check) -> None:
    """Repeat a check until it succeeds, which may take until Redis answers again."""
    while True:
        try:
            await check()
        except RoomcastError:
            await asyncio.sleep(RETRY_SECONDS)
        else:
            return
