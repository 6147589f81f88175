"""The loop of the signer answers or drops each request within its deadline, also after failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from roomcast.contract.envelope import MediaRequest
from roomcast.contract.errors import Code, RoomcastError
from roomcast.media.bus import Bus, Entry
from roomcast.media.signer import Bounds, Signer
from roomcast.wire.tasks import TaskSet
from tests.unit.media.fakes import LOST_GROUP, UNAVAILABLE, Counts, Requests, request
from tests.waiting import until

QUICK = Bounds(claim_seconds=0.01)
Handle = Callable[[MediaRequest], Awaitable[dict[str, Any]]]


async def echo(message: MediaRequest) -> dict[str, Any]:
    return {"said": message.action}


@asynccontextmanager
async def running(bus: Requests, handle: Handle = echo, bounds: Bounds = QUICK) -> AsyncIterator[tuple[Signer, Counts]]:
    counts, stopping, tasks = Counts(), asyncio.Event(), TaskSet()
    signer = Signer(cast("Bus", bus), handle, counts, bounds)
    task = tasks.start(signer.run(stopping), "signer")
    try:
        yield signer, counts
    finally:
        stopping.set()
        await asyncio.wait([task], timeout=5)
        await signer.finish(1.0)
        await tasks.cancel()


async def test_requests_are_answered_and_counted() -> None:
    bus = Requests(Entry("1", request("sign")), Entry("2", request("url")))
    async with running(bus) as (signer, counts):
        assert signer.silent_seconds == float("inf") or signer.silent_seconds < 1
        await until(lambda: len(counts.of("handled")) == 2, "both answered")
        assert signer.silent_seconds < 1
    assert [(reply.request, reply.result) for reply in bus.answers] == [
        ("r-sign", {"said": "sign"}),
        ("r-url", {"said": "url"}),
    ]
    assert {(action, outcome) for action, outcome, _ in counts.of("handled")} == {("sign", "ok"), ("url", "ok")}


async def test_late_and_unreadable_requests_are_dropped() -> None:
    bus = Requests(Entry("1", request("sign", deadline_ms=900)), Entry("2", None), now_ms=1000)
    async with running(bus) as (_, counts):
        await until(lambda: len(bus.dropped) == 2, "both dropped")
        await until(lambda: len(counts.of("handled")) == 2, "both counted")
    assert {outcome for _, outcome, _ in counts.of("handled")} == {"too_late", "unreadable"}
    assert bus.answers == []


async def test_every_failed_request_is_answered_with_an_error() -> None:
    async def fail(message: MediaRequest) -> dict[str, Any]:
        if message.action == "sign":
            raise RoomcastError(Code.RATE_LIMITED, "slower", retry_after=2.5)
        if message.action == "url":
            raise RoomcastError(Code.UNAVAILABLE, "redis: away")
        raise KeyError("a bug")

    entries = [Entry(action, request(action)) for action in ("sign", "url", "complete")]
    bus = Requests(*entries)
    async with running(bus, fail):
        await until(lambda: len(bus.answers) == 3, "all answered")
    found = {reply.request: (reply.error, reply.detail, reply.retry_after) for reply in bus.answers}
    assert found["r-sign"] == (Code.RATE_LIMITED.number, "slower", 2.5)
    assert found["r-url"] == (Code.UNAVAILABLE.number, "", 0.0)
    assert found["r-complete"][0] == Code.INTERNAL.number


async def test_requests_to_a_hanging_storage_are_answered_before_the_deadline() -> None:
    async def hang(_: MediaRequest) -> dict[str, Any]:
        await asyncio.sleep(60)
        return {}

    bus = Requests(Entry("1", request("complete", deadline_ms=100)), Entry("2", request("url", deadline_ms=100)))
    async with running(bus, hang):
        await until(lambda: len(bus.answers) == 2, "both answered")
    assert {reply.error for reply in bus.answers} == {Code.MEDIA_UNAVAILABLE.number}


async def test_a_completion_above_the_bound_of_completions_is_refused() -> None:
    go = asyncio.Event()

    async def wait(_: MediaRequest) -> dict[str, Any]:
        await go.wait()
        return {}

    entries = [Entry(str(number), request("complete")) for number in range(3)]
    bus = Requests(*entries)
    async with running(bus, wait, Bounds(in_flight=10, completing=2, claim_seconds=0.01)):
        await until(lambda: len(bus.answers) == 1, "the third request is refused")
        assert bus.answers[0].error == Code.MEDIA_UNAVAILABLE.number
        go.set()
        await until(lambda: len(bus.answers) == 3, "all answered")


async def test_one_user_cannot_use_up_the_completions_of_all_users() -> None:
    go = asyncio.Event()

    async def wait(_: MediaRequest) -> dict[str, Any]:
        await go.wait()
        return {}

    own = [Entry(str(number), request("complete", user="eve")) for number in range(3)]
    bus = Requests(*own, Entry("3", request("complete", user="ada")))
    async with running(bus, wait, Bounds(completing=3, completing_of_user=2, claim_seconds=0.01)) as (_, counts):
        await until(lambda: len(bus.answers) == 1, "the user's third request is refused")
        assert bus.answers[0].error == Code.MEDIA_UNAVAILABLE.number
        go.set()
        await until(lambda: len(counts.of("handled")) == 4, "all answered")
    assert [outcome for _, outcome, _ in counts.of("handled")].count("ok") == 3


async def test_the_signer_takes_a_bounded_number_of_requests_and_renews_their_claims() -> None:
    go = asyncio.Event()

    async def wait(_: MediaRequest) -> dict[str, Any]:
        await go.wait()
        return {}

    bus = Requests(*(Entry(str(number), request("url")) for number in range(5)))
    async with running(bus, wait, Bounds(in_flight=2, completing=1, claim_seconds=0.001)):
        await until(lambda: {"0", "1"} in bus.renewed, "the claims of requests in flight are renewed")
        assert len(bus.new) == 3
        go.set()
        await until(lambda: len(bus.answers) == 5, "all answered")


async def test_requests_of_a_dead_signer_are_taken_over() -> None:
    bus = Requests()
    bus.claims_of_dead_signers = [Entry("9", request("sign"))]
    async with running(bus) as (_, counts):
        await until(lambda: len(bus.answers) == 1, "answered")
    assert counts.of("claimed") == [(1,)]


async def test_after_redis_errors_the_signer_tries_again_and_joins_a_lost_group() -> None:
    bus = Requests(Entry("1", request("sign")))
    bus.failing = [UNAVAILABLE, LOST_GROUP]
    async with running(bus) as (_, counts):
        await until(lambda: len(bus.answers) == 1, "the request is answered")
    assert bus.joins == 2
    assert len(counts.of("bus_failed")) == 2


async def test_an_answer_that_cannot_be_sent_is_counted() -> None:
    bus = Requests(Entry("1", request("sign")))
    bus.mute = UNAVAILABLE
    async with running(bus) as (_, counts):
        await until(lambda: counts.of("handled") != [], "counted")
    assert counts.of("handled")[0][:2] == ("sign", "unavailable")


async def test_finish_waits_a_bounded_time_for_requests_in_flight() -> None:
    go = asyncio.Event()

    async def wait(_: MediaRequest) -> dict[str, Any]:
        await go.wait()
        return {}

    bus = Requests(Entry("1", request("url")))
    async with running(bus, wait) as (signer, counts):
        await until(lambda: ("in_flight", 1) in counts.events, "in flight")
        assert await signer.finish(0.05) is False
    assert bus.answers == []
    async with running(Requests()) as (signer, _):
        assert await signer.finish(0.05) is True
