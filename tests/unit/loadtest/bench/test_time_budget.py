"""The time budget of a benchmark run limits the number of its rounds."""

from loadtest.bench.__main__ import fits


def test_a_round_fits_if_it_would_end_within_the_budget() -> None:
    assert fits(200.0, 1, 600.0)
    assert fits(400.0, 2, 600.0)
    assert not fits(401.0, 2, 600.0)
    assert fits(10_000.0, 1, float("inf"))
