"""Pauses between tries."""

from roomcast.wire.backoff import Backoff


def test_pauses_double_up_to_the_last_and_start_anew() -> None:
    backoff = Backoff(0.2, 1.0, chance=lambda: 1.0)
    assert [backoff.pause() for _ in range(5)] == [0.2, 0.4, 0.8, 1.0, 1.0]
    backoff.reset()
    assert backoff.pause() == 0.2


def test_jitter_takes_at_most_half() -> None:
    assert Backoff(0.2, 1.0, chance=lambda: 0.0).pause() == 0.1
