"""The pauses between two tries."""

from roomcast.wire.backoff import Backoff


def test_pauses_double_up_to_the_longest_and_start_again_after_a_reset() -> None:
    backoff = Backoff(0.2, 1.0, chance=lambda: 1.0)
    assert [backoff.pause() for _ in range(5)] == [0.2, 0.4, 0.8, 1.0, 1.0]
    backoff.reset()
    assert backoff.pause() == 0.2


def test_jitter_shortens_a_pause_by_at_most_half() -> None:
    assert Backoff(0.2, 1.0, chance=lambda: 0.0).pause() == 0.1
