"""A busy gateway probes its event-loop lag more often than an idle gateway."""

import pytest

from roomcast.gateway.operations.lag import next_pause


@pytest.mark.parametrize(
    ("seconds", "cpu_seconds", "pause"),
    [
        (1.0, 0.0, 1.0),  # idle
        (1.0, 0.1, 0.1),  # a tenth of the core: ten probes a second
        (0.1, 0.1, 0.01),  # the whole core: the highest rate
        (0.01, 0.2, 0.01),  # right after a stall
        (0.02, 0.0002, 1.0),  # idle again
    ],
)
def test_the_loop_is_probed_once_per_ten_milliseconds_of_cpu_time(
    seconds: float, cpu_seconds: float, pause: float
) -> None:
    assert next_pause(seconds, cpu_seconds, longest_seconds=1.0) == pytest.approx(pause)


def test_the_pause_is_at_most_longest_seconds() -> None:
    assert next_pause(0.002, 0.0, longest_seconds=0.002) == 0.002
