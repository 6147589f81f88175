"""Memory is given back once for each crowd, when it has gone."""

from __future__ import annotations

import pytest

from roomcast.gateway.operations.memory_release import QUIET_SECONDS, CrowdWatch


@pytest.mark.parametrize(
    ("connections", "moments"),
    [
        ([0, 10, 49, *[0] * 20], []),  # no crowd
        ([500, 400, *[300] * 20], []),  # it is still there
        ([500, 200, 100, *[0] * 20], [3 + QUIET_SECONDS]),  # gone, and nobody leaves any more
        ([500, *range(400, 100, -10), *[100] * 20], [30 + QUIET_SECONDS + 1]),
        ([500, *[0] * 10, 500, *[0] * 10], [1 + QUIET_SECONDS, 12 + QUIET_SECONDS]),  # twice
    ],
)
def test_a_crowd_that_has_gone_is_noticed_once(connections: list[int], moments: list[int]) -> None:
    crowd = CrowdWatch()
    assert [at for at, count in enumerate(connections) if crowd.is_gone(count)] == moments
