"""Requests to the media signers, and their replies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count

import pytest

from roomcast.contract.envelope import MediaReply, MediaRequest
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.media import MediaComplete, MediaSign, MediaUrl
from roomcast.gateway.media.requests import MediaRequests, Patience

SIGN = MediaSign("public:lobby", "cat.png", "image/png", 10)


class Port:
    """The stream of requests to the signers. `answer` is called with each request and may reply at once."""

    def __init__(self) -> None:
        self.posted: list[MediaRequest] = []
        self.answer: Callable[[MediaRequest], None] = lambda request: None

    async def now_ms(self) -> int:
        return 1_000_000

    async def post(self, request: MediaRequest) -> None:
        self.posted.append(request)
        self.answer(request)


def requests_on(port: Port, **patience: float) -> MediaRequests:
    numbers = count(1)
    return MediaRequests(port, "7", lambda: f"r{next(numbers)}", Patience(**patience))  # type: ignore[arg-type]


async def test_a_request_has_the_user_the_node_and_a_deadline() -> None:
    port = Port()
    media = requests_on(port, sign_seconds=1.0)
    port.answer = lambda request: media.receive_reply(MediaReply(request.request, {"upload": "u"}))
    assert await media.sign_upload("ada", SIGN) == {"upload": "u"}
    args = {"room": "public:lobby", "name": "cat.png", "type": "image/png", "size": 10, "width": None, "height": None}
    assert port.posted == [MediaRequest("r1", "7", "ada", "sign", args, 1_001_000)]
    assert len(media) == 0


async def test_a_completion_request_contains_only_the_upload_id() -> None:
    """The client's `parts` are left out, because requests use the memory of Redis while no signer runs."""
    port = Port()
    media = requests_on(port, complete_seconds=0.02)
    with pytest.raises(RoomcastError):
        await media.complete_upload("ada", MediaComplete("upload-1", parts=[{"tag": "x" * 90_000}]))
    assert [request.args for request in port.posted] == [{"upload": "upload-1"}]


async def test_a_refusal_keeps_its_code_detail_and_retry_after() -> None:
    port = Port()
    media = requests_on(port)
    port.answer = lambda request: media.receive_reply(MediaReply(request.request, None, 302, "too many uploads", 7.5))
    with pytest.raises(RoomcastError) as caught:
        await media.sign_upload("ada", SIGN)
    assert (caught.value.code, caught.value.detail, caught.value.retry_after) == (
        Code.RATE_LIMITED,
        "too many uploads",
        7.5,
    )


async def test_a_request_without_a_reply_in_time_is_unavailable_and_no_longer_waits() -> None:
    media = requests_on(Port(), complete_seconds=0.02)
    with pytest.raises(RoomcastError) as caught:
        await media.complete_upload("ada", MediaComplete("upload-1"))
    assert caught.value.code is Code.MEDIA_UNAVAILABLE
    assert len(media) == 0


async def test_replies_that_are_late_repeated_or_for_other_requests_are_ignored() -> None:
    port = Port()
    media = requests_on(port)

    def twice(request: MediaRequest) -> None:
        media.receive_reply(MediaReply("another request", {"media": 0}))
        media.receive_reply(MediaReply(request.request, {"media": 1}))
        media.receive_reply(MediaReply(request.request, {"media": 2}))

    port.answer = twice
    assert await media.complete_upload("ada", MediaComplete("upload-1")) == {"media": 1}
    media.receive_reply(MediaReply("r1", {"media": 3}))


async def test_an_error_in_posting_a_request_is_raised_to_the_caller() -> None:
    port = Port()

    def closed(_: MediaRequest) -> None:
        raise RoomcastError(Code.UNAVAILABLE)

    port.answer = closed
    media = requests_on(port)
    with pytest.raises(RoomcastError) as caught:
        await media.sign_upload("ada", SIGN)
    assert caught.value.code is Code.UNAVAILABLE
    assert len(media) == 0


async def test_the_number_of_waiting_requests_is_bounded() -> None:
    port = Port()
    media = requests_on(port, max_waiting=2, sign_seconds=30.0)
    waiting = [asyncio.ensure_future(media.sign_upload("ada", SIGN)) for _ in range(2)]
    while len(port.posted) < 2:
        await asyncio.sleep(0)
    with pytest.raises(RoomcastError) as caught:
        await media.sign_upload("ada", SIGN)
    assert caught.value.code is Code.MEDIA_UNAVAILABLE
    media.close()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [outcome.code for outcome in outcomes if isinstance(outcome, RoomcastError)] == [Code.MEDIA_UNAVAILABLE] * 2
    assert len(media) == 0


async def test_a_cancelled_request_no_longer_waits() -> None:
    port = Port()
    media = requests_on(port, sign_seconds=30.0)
    requested = asyncio.ensure_future(media.sign_upload("ada", SIGN))
    while not port.posted:
        await asyncio.sleep(0)
    requested.cancel()
    with pytest.raises(asyncio.CancelledError):
        await requested
    assert len(media) == 0


@pytest.mark.parametrize("room", ["public:other", None])
async def test_a_download_is_not_found_if_the_upload_belongs_to_another_room(room: str | None) -> None:
    port = Port()
    media = requests_on(port)
    port.answer = lambda request: media.receive_reply(
        MediaReply(request.request, {"url": "http://x", "expires": 1, "room": room})
    )
    with pytest.raises(RoomcastError) as caught:
        await media.sign_download("ada", MediaUrl("upload-1"), "public:lobby")
    assert caught.value.code is Code.NOT_FOUND


async def test_the_answer_with_a_url_does_not_name_the_room() -> None:
    port = Port()
    media = requests_on(port)
    result = {"url": "http://x", "expires": 1, "room": "public:lobby"}
    port.answer = lambda request: media.receive_reply(MediaReply(request.request, dict(result)))
    assert await media.sign_download("ada", MediaUrl("upload-1"), "public:lobby") == {"url": "http://x", "expires": 1}
