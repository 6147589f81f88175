"""The records of uploads turn the replies of scripts into states. tests/integration runs the scripts themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.media import Media
from roomcast.media.policy import Announced
from roomcast.media.records import Busy, Claimed, Limits, Records, Verified

MEDIA: Media = {"upload": "upload-1", "type": "image/png"}
RAW = b'{"upload":"upload-1","type":"image/png"}'


class Scripts:
    """Replies to each script and command with the next of `answers`, and records the calls."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[Any, ...]] = []

    async def run_script(self, script: str, names: Sequence[str], *arguments: Any) -> Any:
        self.calls.append((script, tuple(names), *arguments))
        return self.answers.pop(0)

    async def execute(self, command: str, key: str, *arguments: Any) -> Any:
        self.calls.append((command, key, *arguments))
        return self.answers.pop(0)


def records(scripts: Scripts) -> Records:
    return Records(scripts, Limits(20, 1000, 300, 600, 86_400))


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ([b"busy"], Busy()),
        ([b"verified", RAW], Verified(MEDIA)),
        (
            [b"claimed", b"2026/11/u.png", b"image/png", b"10", "cät.png".encode()],
            Claimed("2026/11/u.png", Announced("cät.png", "image/png", 10)),
        ),
    ],
)
async def test_a_claim_returns_busy_verified_or_claimed(answer: list[bytes], state: object) -> None:
    assert await records(Scripts(answer)).claim("upload-1", "ada", "token") == state


@pytest.mark.parametrize(("answer", "code"), [([b"unknown"], Code.UPLOAD_EXPIRED), ([b"foreign"], Code.NOT_FOUND)])
async def test_a_claim_of_an_unknown_or_foreign_upload_is_refused(answer: list[bytes], code: Code) -> None:
    with pytest.raises(RoomcastError) as caught:
        await records(Scripts(answer)).claim("upload-1", "ada", "token")
    assert caught.value.code is code


async def test_a_refusal_by_quota_has_retry_after() -> None:
    assert await records(Scripts([5_000, 0])).reserve("ada", "upload-1", 10) == 5_000
    with pytest.raises(RoomcastError) as caught:
        await records(Scripts([5_000, 2_500])).reserve("ada", "upload-1", 10)
    assert (caught.value.code, caught.value.retry_after) == (Code.RATE_LIMITED, 2.5)


async def test_an_upload_is_listed_for_the_sweep_before_its_record_is_written() -> None:
    scripts = Scripts(1, 1)
    await records(scripts).open("upload-1", "ada", "room", "key", Announced("n", "image/png", 1), 1_000)
    assert [name for name, *_ in scripts.calls] == ["ZADD", "upload_open"]
    assert scripts.calls[0][2:] == (901_000, "key")
    with pytest.raises(RoomcastError) as caught:
        await records(Scripts(1, 0)).open("upload-1", "ada", "room", "key", Announced("n", "image/png", 1), 1_000)
    assert caught.value.code is Code.CONFLICT


async def test_verify_returns_the_media_that_was_stored_first() -> None:
    scripts = Scripts(RAW, 1)
    assert await records(scripts).verify("upload-1", "ada", "token", {"upload": "upload-1"}) == MEDIA
    assert scripts.calls[1][0] == "ZREM"
    with pytest.raises(RoomcastError) as caught:
        await records(Scripts(b"")).verify("upload-1", "ada", "token", MEDIA)
    assert caught.value.code is Code.UPLOAD_INCOMPLETE


async def test_an_upload_is_found_with_or_without_its_media() -> None:
    assert await records(Scripts([None, None, None])).find("upload-1") is None
    assert await records(Scripts([b"room", b"key", None])).find("upload-1") == ("room", "key", None)
    assert await records(Scripts([b"room", b"key", RAW])).find("upload-1") == ("room", "key", MEDIA)


async def test_lease_sweep_tells_whether_this_signer_got_the_lease() -> None:
    assert await records(Scripts(b"OK")).lease_sweep("me", 30.0)
    assert not await records(Scripts(None)).lease_sweep("me", 30.0)
    scripts = Scripts(1, [b"a", b"b"], 1, 1)
    made = records(scripts)
    await made.end_sweep()
    assert await made.list_overdue(5, 100) == ["a", "b"]
    await made.forget_incoming("a")
    await made.release("upload-1", "token")
    assert [name for name, *_ in scripts.calls] == ["DEL", "ZRANGEBYSCORE", "ZREM", "upload_release"]
