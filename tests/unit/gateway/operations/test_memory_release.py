"""A gateway returns memory to the system after each mass disconnect, and collects garbage while its memory grows."""

from __future__ import annotations

import pytest

from roomcast.gateway.operations.memory_release import (
    AFTER_GROWTH_SECONDS,
    CONNECTION_BYTES,
    MAX_GROWTH_BYTES,
    QUIET_SECONDS,
    CrowdWatch,
    GrowthWatch,
)


@pytest.mark.parametrize(
    ("connections", "moments"),
    [
        ([0, 10, 49, *[0] * 20], []),  # few connections
        ([500, 400, *[300] * 20], []),  # most connections are still open
        (
            [500, 200, 100, *[0] * 20],
            [3 + QUIET_SECONDS],
        ),  # most connections have ended, and no further connection ends
        ([500, *range(400, 100, -10), *[100] * 20], [30 + QUIET_SECONDS + 1]),
        ([500, *[0] * 10, 500, *[0] * 10], [1 + QUIET_SECONDS, 12 + QUIET_SECONDS]),  # two mass disconnects
    ],
)
def test_a_mass_disconnect_is_noticed_once(connections: list[int], moments: list[int]) -> None:
    crowd = CrowdWatch()
    assert [at for at, count in enumerate(connections) if crowd.is_gone(count)] == moments


def test_growth_is_measured_from_the_lowest_memory_since_the_last_collection() -> None:
    growth = GrowthWatch(MAX_GROWTH_BYTES * 3)
    assert not growth.is_large(MAX_GROWTH_BYTES, 0)
    assert not growth.is_large(2 * MAX_GROWTH_BYTES - 1, 0)
    assert growth.is_large(2 * MAX_GROWTH_BYTES, 0)
    growth.note_collected(2 * MAX_GROWTH_BYTES - 5, 0)
    assert not growth.is_large(3 * MAX_GROWTH_BYTES - 6, 0)
    assert growth.is_large(3 * MAX_GROWTH_BYTES - 5, 0)


def test_memory_is_given_back_once_after_a_growth_has_ended() -> None:
    growth = GrowthWatch(0)
    assert not any(growth.is_over() for _ in range(50))
    growth.note_collected(MAX_GROWTH_BYTES, 0)
    assert not any(growth.is_over() for _ in range(AFTER_GROWTH_SECONDS - 1))
    growth.note_collected(2 * MAX_GROWTH_BYTES, 0)  # the memory grew again
    assert [growth.is_over() for _ in range(AFTER_GROWTH_SECONDS)].count(True) == 1
    growth.note_given_back(5, 0)
    assert not any(growth.is_over() for _ in range(50))
    assert growth.is_large(MAX_GROWTH_BYTES + 5, 0)


def test_memory_of_connections_does_not_count_as_growth_even_after_the_connections_have_ended() -> None:
    growth = GrowthWatch(0)
    explained = 1_000 * CONNECTION_BYTES
    assert not growth.is_large(explained + MAX_GROWTH_BYTES - 1, 1_000)
    # 800 connections have ended, but the allocator keeps their memory
    assert not growth.is_large(explained + MAX_GROWTH_BYTES - 1, 200)
    assert growth.is_large(explained + MAX_GROWTH_BYTES, 200)
    growth.note_collected(explained, 200)
    assert growth.is_large(explained + MAX_GROWTH_BYTES, 200)
    assert not growth.is_large(explained + MAX_GROWTH_BYTES, 201)
