"""Canary probes: when a subscription counts as deaf, and which of two processes with one node name ends."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from roomcast.adapter.node_messages import Canary, Disconnect
from roomcast.adapter.redis import canary
from roomcast.adapter.redis.canary import CanaryProbe, CanaryWatch
from roomcast.adapter.redis.connection import CommandError, NotConnected
from roomcast.adapter.ticker import Ticker
from roomcast.wire.envelope import pack


def test_a_subscription_that_receives_every_canary_is_not_deaf() -> None:
    watch = CanaryWatch("i", deaf_seconds=3)
    for now in range(10):
        watch.receive(watch.next_canary(now), now + 0.1)
    assert watch.deaf_seconds(12.0) == 0


def test_a_subscription_that_receives_no_canary_counts_as_deaf_after_three_seconds() -> None:
    watch = CanaryWatch("i", deaf_seconds=3)
    watch.next_canary(0.0)
    watch.next_canary(1.0)
    assert watch.deaf_seconds(3.0) == 0
    assert watch.deaf_seconds(5.0) == 2.0


def test_take_late_seconds_returns_the_delay_of_the_last_canary() -> None:
    watch = CanaryWatch("i", deaf_seconds=3)
    assert watch.take_late_seconds() == 0.0
    sent = watch.next_canary(1.0)
    assert watch.take_late_seconds() == 0.0, "a canary that has not arrived has no delay"
    watch.receive(sent, 3.0)
    assert watch.take_late_seconds() == 2.0
    assert watch.take_late_seconds() == 0.0, "each canary counts once"
    watch.receive(watch.next_canary(61.0), 61.0)
    assert watch.take_late_seconds() == 0.0


def test_a_subscription_is_not_deaf_while_canaries_cannot_be_published() -> None:
    watch = CanaryWatch("i", deaf_seconds=3)
    for now in range(60):
        watch.next_canary(now)
        watch.excuse()
    assert watch.deaf_seconds(60.0) == 0
    assert not watch.is_due_for_reopening(60.0)
    watch.next_canary(61.0)
    assert watch.deaf_seconds(65.0) == 1.0


def test_a_missed_canary_is_noticed_when_the_next_canary_arrives() -> None:
    watch = CanaryWatch("i", deaf_seconds=3)
    assert not watch.receive(watch.next_canary(0.0), 0.1)
    watch.next_canary(1.0)
    assert watch.receive(watch.next_canary(2.0), 2.1)
    assert not watch.receive(watch.next_canary(3.0), 3.1)


def test_a_canary_sent_before_confirm_does_not_count_as_missed() -> None:
    watch = CanaryWatch("i", deaf_seconds=3)
    early = watch.next_canary(0.0)
    watch.confirm()
    assert not watch.receive(watch.next_canary(1.0), 1.1)
    assert not watch.receive(early, 1.2)
    watch.next_canary(2.0)
    assert watch.receive(watch.next_canary(3.0), 3.1)


def test_a_canary_of_another_incarnation_does_not_count() -> None:
    watch = CanaryWatch("i", deaf_seconds=3)
    watch.next_canary(0.0)
    watch.receive(Canary("j", 1), 1.0)
    assert watch.deaf_seconds(4.0) == 1.0


def test_an_older_canary_that_arrives_late_restarts_the_three_seconds_until_deaf() -> None:
    watch = CanaryWatch("i", deaf_seconds=3)
    first = watch.next_canary(0.0)
    watch.next_canary(1.0)
    watch.receive(first, 2.0)
    assert watch.deaf_seconds(5.0) == 0
    assert watch.deaf_seconds(5.5) == 0.5


def test_a_deaf_connection_is_reopened_every_three_seconds_until_a_canary_arrives() -> None:
    watch = CanaryWatch("i", deaf_seconds=3)
    canary = watch.next_canary(0.0)
    assert not watch.is_due_for_reopening(2.0)
    assert watch.is_due_for_reopening(4.0)
    assert not watch.is_due_for_reopening(5.0)
    assert watch.deaf_seconds(5.0) == 2.0
    assert watch.is_due_for_reopening(7.5)
    watch.receive(canary, 8.0)
    assert watch.deaf_seconds(8.0) == 0


class Loopback:
    """A fake backplane. It delivers each published packet to all probes, unless `is_deaf` or `error` is set."""

    def __init__(self) -> None:
        self.handlers: dict[str, list[Callable[[bytes], None]]] = {}
        self.published = 0
        self.reopened: list[str] = []
        self.confirmations: list[asyncio.Future[None]] = []
        self.missed_channels: list[str] = []
        self.is_deaf = False
        self.error: Exception | None = None

    def canary_channels(self, node: str) -> list[str]:
        return [f"node:{node}.0"]

    async def publish(self, channel: str, data: bytes) -> Any:
        if self.error is not None:
            raise self.error
        self.published += 1
        for handler in () if self.is_deaf else list(self.handlers.get(channel, ())):
            handler(data)

    def reopen_subscriptions(self, channel: str) -> None:
        self.reopened.append(channel)

    def report_missed(self, channel: str) -> None:
        self.missed_channels.append(channel)

    def subscribe(self, channel: str, handler: Callable[[bytes], None]) -> asyncio.Future[None]:
        self.handlers.setdefault(channel, []).append(handler)
        self.confirmations.append(asyncio.get_running_loop().create_future())
        return self.confirmations[-1]

    def unsubscribe(self, channel: str) -> None:
        del self.handlers[channel]


def probe(backplane: Loopback, incarnation: str, started_at: float, ended: list[str]) -> CanaryProbe:
    return CanaryProbe(
        backplane,
        "1",
        incarnation,
        backplane,
        Ticker(0.5),
        on_deaf=lambda: ended.append("deaf"),
        on_duplicate=lambda: ended.append(incarnation),
        started_at=started_at,
    )


async def test_the_younger_of_two_processes_with_one_node_name_ends_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(canary, "CLAIM_SECONDS", 0.02)
    backplane, ended = Loopback(), list[str]()
    old, young = probe(backplane, "a", 100.0, ended), probe(backplane, "b", 101.0, ended)
    running = [asyncio.ensure_future(old.run()), asyncio.ensure_future(young.run())]
    await young.claim()
    assert set(ended) == {"b"}
    before = backplane.published
    await asyncio.sleep(0.3)
    assert backplane.published - before <= 6
    for task in running:
        task.cancel()


@pytest.mark.parametrize("clocks", [(100.0, 100.0), (100.0, 50.0)])
async def test_exactly_one_of_two_processes_with_one_node_name_ends(
    clocks: tuple[float, float],
) -> None:
    backplane, ended = Loopback(), list[str]()
    probes = [probe(backplane, name, at, ended) for name, at in zip("ab", clocks, strict=True)]
    for one in (*probes, *probes):
        await one.publish_all()
    assert len(set(ended)) == 1


async def test_without_redis_a_node_is_neither_deaf_nor_a_duplicate() -> None:
    backplane, ended = Loopback(), list[str]()
    backplane.error = NotConnected("away")
    one = probe(backplane, "a", 1.0, ended)
    await one.publish_all()
    assert one.deaf_seconds(1e9) == 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await one.claim()
    assert ended == []


async def test_a_canary_that_redis_refuses_is_logged_and_does_not_count_as_deaf(
    caplog: pytest.LogCaptureFixture,
) -> None:
    backplane, ended = Loopback(), list[str]()
    one = probe(backplane, "a", 1.0, ended)
    backplane.error = CommandError("NOPERM this user has no permissions")
    for _ in range(3):
        await one.publish_all()
    assert one.is_refused
    assert one.deaf_seconds(1e9) == 0
    assert [record.getMessage() for record in caplog.records] == [
        "Redis refuses to publish: NOPERM this user has no permissions"
    ]
    backplane.error = None
    await one.publish_all()
    assert not one.is_refused


async def test_a_missed_canary_is_reported() -> None:
    backplane = Loopback()
    one = probe(backplane, "a", 1.0, [])
    await one.publish_all()
    backplane.is_deaf = True
    await one.publish_all()
    backplane.is_deaf = False
    assert backplane.missed_channels == []
    await one.publish_all()
    assert backplane.missed_channels == ["node:1.0"]


async def test_a_canary_sent_before_the_subscription_does_not_count_as_missed() -> None:
    backplane = Loopback()
    backplane.is_deaf = True
    one = probe(backplane, "a", 1.0, [])
    await one.publish_all()
    backplane.confirmations[0].set_result(None)
    backplane.is_deaf = False
    await asyncio.sleep(0)
    await one.publish_all()
    assert backplane.missed_channels == []


async def test_a_deaf_connection_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CanaryWatch, "deaf_seconds", lambda self, now: 1.0)
    backplane, reported = Loopback(), list[str]()
    backplane.is_deaf = True
    await probe(backplane, "a", 1.0, reported).publish_all()
    assert backplane.reopened == ["node:1.0"]
    assert reported == ["deaf"]


async def test_other_messages_on_the_channel_are_ignored() -> None:
    backplane, reported = Loopback(), list[str]()
    one = probe(backplane, "a", 1.0, reported)
    await one.publish_all()
    await backplane.publish("node:1.0", pack(Disconnect("/", "sid")))
    assert reported == []
