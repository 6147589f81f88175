"""When a gateway takes itself for deaf."""

from contract.envelope import Canary
from gateway.adapter.canary import CanaryWatch


def test_hearing_every_canary_is_not_deaf() -> None:
    watch = CanaryWatch("i", deaf_seconds=3)
    for now in range(10):
        watch.heard(watch.sing(now), now + 0.1)
    assert not watch.is_deaf(12.0)


def test_silence_is_deafness_after_a_while() -> None:
    watch = CanaryWatch("i", deaf_seconds=3)
    watch.sing(0.0)
    watch.sing(1.0)
    assert not watch.is_deaf(3.0)
    assert watch.is_deaf(3.1)


def test_another_incarnations_canary_proves_nothing() -> None:
    watch = CanaryWatch("i", deaf_seconds=3)
    watch.sing(0.0)
    watch.heard(Canary("j", 1), 1.0)
    assert watch.is_deaf(4.0)


def test_an_old_canary_resets_the_clock_only() -> None:
    watch = CanaryWatch("i", deaf_seconds=3)
    first = watch.sing(0.0)
    watch.sing(1.0)
    watch.heard(first, 2.0)
    assert not watch.is_deaf(4.9)
    assert watch.is_deaf(5.1)


def test_a_reopened_link_gets_the_time_again() -> None:
    watch = CanaryWatch("i", deaf_seconds=3)
    watch.sing(0.0)
    watch.forgive(10.0)
    assert not watch.is_deaf(12.9)
