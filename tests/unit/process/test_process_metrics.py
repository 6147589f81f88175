"""The metrics that signers and API processes share, measured in the background."""

from __future__ import annotations

import asyncio

import pytest

from roomcast.process import process_metrics
from roomcast.process.process_metrics import ProcessMetrics
from tests.waiting import until


async def test_readiness_is_measured_after_each_check_until_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_metrics, "WATCH_SECONDS", 0.001)
    metrics, checks = ProcessMetrics("watched", "1 while ready"), list[int]()

    async def check() -> None:
        checks.append(len(checks))

    watch = asyncio.ensure_future(metrics.watch(lambda: len(checks) >= 3, check))
    await until(lambda: b"\nwatched_ready 1.0\n" in metrics.exposition(), "the process is ready after three checks")
    assert b"\nwatched_loop_lag_seconds " in metrics.exposition()
    watch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watch
