"""The conditions under which a load generator is saturated."""

from __future__ import annotations

import pytest

from loadtest.scenarios.meter import Meter, Second, is_saturated

GOOD = Second(0.5, 3.0)
BUSY = Second(0.97, 3.0)
LATE = Second(0.5, 120.0)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([], False),
        ([GOOD] * 30, False),
        ([GOOD] * 5 + [BUSY, LATE], False),
        ([GOOD] * 5 + [BUSY, LATE, BUSY], True),
        ([GOOD] * 100 + [BUSY] * 3, False),
        ([GOOD] * 90 + [BUSY] * 10, True),
    ],
)
def test_a_load_generator_is_saturated_after_more_than_the_tolerated_bad_seconds(
    seconds: list[Second], expected: bool
) -> None:
    assert is_saturated(seconds) is expected


def test_saturation_is_announced_once_and_again_after_a_reset() -> None:
    announced: list[Second] = []
    meter = Meter(announced.append)
    for _ in range(5):
        meter.take(LATE)
    assert announced == [LATE]
    assert meter.data()["is_saturated"]
    meter.reset()
    assert not meter.data()["is_saturated"]
    for _ in range(3):
        meter.take(BUSY)
    assert announced == [LATE, BUSY]
