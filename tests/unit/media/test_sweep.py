"""The sweep deletes uploads that were never completed. One signer sweeps at a time."""

from __future__ import annotations

import logging
from typing import cast

import pytest

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.media import Media
from roomcast.media import sweep as sweep_module
from roomcast.media.bus import Bus
from roomcast.media.records import Records
from roomcast.media.storage import Storage
from roomcast.media.sweep import Sweep
from roomcast.wire.limited_log import LimitedLog
from roomcast.wire.tasks import TaskSet
from tests.unit.media.fakes import Counts, Files, Requests, Uploads
from tests.waiting import until

KEY = "2026/11/upload-1.png"
MEDIA: Media = {"upload": "upload-1"}


class Rig:
    def __init__(self) -> None:
        self.files, self.uploads, self.counts = Files(), Uploads(), Counts()
        self.uploads.waiting = [KEY]
        self.files.objects = {"incoming/upload-1": (b"x", ""), KEY: (b"x", "")}
        self.sweep = Sweep(
            cast("Bus", Requests()), cast("Records", self.uploads), cast("Storage", self.files), self.counts, "me"
        )


async def test_both_objects_of_an_abandoned_upload_are_deleted() -> None:
    rig = Rig()
    await rig.sweep.once()
    assert rig.files.objects == {}
    assert rig.uploads.forgotten == [KEY]
    assert rig.counts.events == [("swept", "abandoned", 1)]


async def test_only_the_incoming_object_of_a_completed_upload_is_deleted() -> None:
    rig = Rig()
    rig.uploads.found = ("room", KEY, MEDIA)
    await rig.sweep.once()
    assert set(rig.files.objects) == {KEY}
    assert rig.counts.events == [("swept", "completed", 1)]


async def test_an_upload_that_is_being_completed_is_not_deleted() -> None:
    rig = Rig()
    rig.uploads.found = ("room", KEY, None)
    await rig.sweep.once()
    assert len(rig.files.objects) == 2
    assert rig.uploads.forgotten == []


async def test_a_signer_without_the_lease_does_not_sweep() -> None:
    rig = Rig()
    rig.uploads.is_leased = True
    await rig.sweep.once()
    assert rig.files.calls == []


@pytest.mark.parametrize("error", [RoomcastError(Code.MEDIA_UNAVAILABLE, "away"), TimeoutError()])
async def test_an_error_is_logged_and_the_next_sweep_tries_again(
    error: Exception, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_module, "_limited", LimitedLog(logging.getLogger("sweep")))
    rig, tasks = Rig(), TaskSet()
    rig.files.failing["delete"] = error
    tasks.start(rig.sweep.run(0.001), "sweep")
    await until(lambda: len(rig.files.calls) >= 3, "three sweeps")
    rig.files.failing.clear()
    await until(lambda: rig.uploads.forgotten != [], "the upload is deleted")
    await tasks.cancel()
    assert [record.getMessage().startswith("sweep failed: ") for record in caplog.records] == [True]
