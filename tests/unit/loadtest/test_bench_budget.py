"""The number of rounds that a run has time for."""

from loadtest.bench.__main__ import fits


def test_a_round_is_begun_only_when_it_would_end_in_time() -> None:
    assert fits(200.0, 1, 600.0)
    assert fits(400.0, 2, 600.0)
    assert not fits(401.0, 2, 600.0)
    assert fits(10_000.0, 1, float("inf"))
