"""When a gateway takes a link for deaf."""

from roomcast.adapter.canary import CanaryWatch
from roomcast.adapter.node_messages import Canary


def test_hearing_every_canary_is_not_deaf() -> None:
    watch = CanaryWatch("i", deaf_seconds=3)
    for now in range(10):
        watch.heard(watch.sing(now), now + 0.1)
    assert watch.deaf_seconds(12.0) == 0


def test_silence_is_deafness_after_a_while() -> None:
    watch = CanaryWatch("i", deaf_seconds=3)
    watch.sing(0.0)
    watch.sing(1.0)
    assert watch.deaf_seconds(3.0) == 0
    assert watch.deaf_seconds(5.0) == 2.0


def test_silence_while_nothing_can_be_published_is_not_deafness() -> None:
    watch = CanaryWatch("i", deaf_seconds=3)
    for now in range(60):
        watch.sing(now)
        watch.excuse()
    assert watch.deaf_seconds(60.0) == 0
    assert not watch.is_due_for_reopening(60.0)
    watch.sing(61.0)
    assert watch.deaf_seconds(65.0) == 1.0


def test_a_missed_canary_is_noticed_when_the_next_one_comes() -> None:
    watch = CanaryWatch("i", deaf_seconds=3)
    assert not watch.heard(watch.sing(0.0), 0.1)
    watch.sing(1.0)
    assert watch.heard(watch.sing(2.0), 2.1)
    assert not watch.heard(watch.sing(3.0), 3.1)


def test_another_incarnations_canary_proves_nothing() -> None:
    watch = CanaryWatch("i", deaf_seconds=3)
    watch.sing(0.0)
    watch.heard(Canary("j", 1), 1.0)
    assert watch.deaf_seconds(4.0) == 1.0


def test_an_old_canary_resets_the_clock_only() -> None:
    watch = CanaryWatch("i", deaf_seconds=3)
    first = watch.sing(0.0)
    watch.sing(1.0)
    watch.heard(first, 2.0)
    assert watch.deaf_seconds(5.0) == 0
    assert watch.deaf_seconds(5.5) == 0.5


def test_a_deaf_link_is_reopened_once_per_spell_and_stays_deaf_until_it_hears() -> None:
    watch = CanaryWatch("i", deaf_seconds=3)
    canary = watch.sing(0.0)
    assert not watch.is_due_for_reopening(2.0)
    assert watch.is_due_for_reopening(4.0)
    assert not watch.is_due_for_reopening(5.0)
    assert watch.deaf_seconds(5.0) == 2.0
    assert watch.is_due_for_reopening(7.5)
    watch.heard(canary, 8.0)
    assert watch.deaf_seconds(8.0) == 0
