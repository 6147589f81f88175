"""Verdicts and the failure policy, with a fake endpoint."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from roomcast.contract.errors import Code, RoomcastError
from roomcast.gateway.chat.message_content import check_content
from roomcast.gateway.operations.observer import GatewayObserver
from roomcast.gateway.publish_hook.circuit import FAILURES, Circuit
from roomcast.gateway.publish_hook.endpoint import BUSY, HookFailed
from roomcast.gateway.publish_hook.hook import PublishHook
from roomcast.gateway.publish_hook.settings import PublishHookSettings
from tests.unit.gateway.fakes import refusal

MESSAGE: dict[str, Any] = {
    "event": "send",
    "room": "team:red",
    "id": "1",
    "user": "ada",
    "text": "hi",
    "data": {"a": 1},
}


class FakeEndpoint:
    """An endpoint that returns `answer`, or raises `answer` if that is an exception."""

    def __init__(self) -> None:
        self.answer: bytes | HookFailed = b'{"action":"accept"}'
        self.asked = 0

    async def ask(self, body: bytes) -> bytes:
        self.asked += 1
        if isinstance(self.answer, HookFailed):
            raise self.answer
        return self.answer


class Outcomes(GatewayObserver):
    def __init__(self) -> None:
        self.seen: list[tuple[str, bool]] = []

    def publish_hook(self, outcome: str, seconds: float, *, is_open: bool) -> None:
        self.seen.append((outcome, is_open))


class Rig:
    def __init__(self, **settings: Any) -> None:
        self.now = 0.0
        self.endpoint = FakeEndpoint()
        self.outcomes = Outcomes()
        given: dict[str, Any] = {"url": "https://chat.example.com", "secret": SecretStr("s" * 32), "rooms": ("team:*",)}
        self.hook = PublishHook(
            PublishHookSettings(**{"on_failure": "refuse", **given, **settings}),
            self.endpoint,
            Circuit(lambda: self.now, lambda: 1.0),
            self.outcomes,
            lambda text, data: check_content(text, data, 100),
            lambda: self.now,
        )


@pytest.mark.parametrize(
    ("answer", "content", "outcome"),
    [
        (b'{"action":"accept"}', ("hi", {"a": 1}), "accepted"),
        (b'{"action":"change","text":"***"}', ("***", {"a": 1}), "changed"),
        (b'{"action":"change","data":{}}', ("hi", {}), "changed"),
    ],
)
async def test_review_returns_the_accepted_or_changed_content(
    answer: bytes, content: tuple[str, dict[str, Any]], outcome: str
) -> None:
    rig = Rig()
    rig.endpoint.answer = answer
    assert await rig.hook.review(MESSAGE) == content
    assert rig.outcomes.seen == [(outcome, False)]


async def test_a_refusal_has_the_code_and_detail_of_the_application() -> None:
    rig = Rig()
    rig.endpoint.answer = b'{"action":"refuse","code":"spam","detail":"No links"}'
    with pytest.raises(RoomcastError) as caught:
        await rig.hook.review(MESSAGE)
    wire = caught.value.to_wire()
    assert wire == {"code": 205, "reason": "refused", "retryable": False, "detail": "No links", "app_code": "spam"}
    assert rig.outcomes.seen == [("refused", False)]


BAD = [
    (HookFailed("deadline"), "deadline"),
    (b"OK", "malformed"),
    (b'{"action":"change","text":"\\u200b"}', "malformed"),
    (b'{"action":"change","text":"' + b"x" * 101 + b'"}', "malformed"),
    (b'{"action":"change","data":{"a":"' + b"x" * 4_096 + b'"}}', "malformed"),
]


@pytest.mark.parametrize(("answer", "kind"), BAD)
async def test_the_setting_on_failure_decides_if_the_endpoint_gives_no_verdict(
    answer: bytes | HookFailed, kind: str
) -> None:
    closed, opened = Rig(on_failure="refuse"), Rig(on_failure="publish")
    closed.endpoint.answer = opened.endpoint.answer = answer
    assert await refusal(closed.hook.review(MESSAGE)) is Code.UNAVAILABLE
    assert await opened.hook.review(MESSAGE) == ("hi", {"a": 1})
    assert closed.outcomes.seen == opened.outcomes.seen == [(kind, False)]


async def test_an_endpoint_that_keeps_failing_is_not_asked_for_a_while() -> None:
    rig = Rig(on_failure="publish")
    rig.endpoint.answer = HookFailed("unreachable")
    for _ in range(FAILURES + 10):
        assert await rig.hook.review(MESSAGE) == ("hi", {"a": 1})
    assert rig.endpoint.asked == FAILURES
    assert rig.outcomes.seen[-1] == ("circuit_open", True)

    rig.now += 1.1
    rig.endpoint.answer = b'{"action":"accept"}'
    await rig.hook.review(MESSAGE)
    await rig.hook.review(MESSAGE)
    assert rig.endpoint.asked == FAILURES + 2
    assert rig.outcomes.seen[-1] == ("accepted", False)


@pytest.mark.parametrize("policy", ["refuse", "publish"])
async def test_a_message_that_finds_no_place_in_the_queue_is_refused_and_is_no_failure_of_the_endpoint(
    policy: str,
) -> None:
    rig = Rig(on_failure=policy)
    rig.endpoint.answer = HookFailed(BUSY)
    for _ in range(2 * FAILURES):
        assert await refusal(rig.hook.review(MESSAGE)) is Code.RATE_LIMITED
    assert rig.outcomes.seen[-1] == (BUSY, False)


async def test_a_trial_that_finds_no_place_in_the_queue_is_followed_by_another_trial() -> None:
    rig = Rig()
    for kind, count in (("unreachable", FAILURES), (BUSY, 1)):
        rig.now += 1.1
        rig.endpoint.answer = HookFailed(kind)
        for _ in range(count):
            await refusal(rig.hook.review(MESSAGE))
    rig.endpoint.answer = b'{"action":"accept"}'
    await rig.hook.review(MESSAGE)
    assert rig.outcomes.seen[-1] == ("accepted", False)


def test_the_hook_covers_the_rooms_that_match_its_patterns() -> None:
    rig = Rig(rooms=("team:*", "public:lobby"))
    rooms = ("team:red", "public:lobby", "public:lobby2", "dm:a:b")
    assert [rig.hook.covers(room) for room in rooms] == [True, True, False, False]
