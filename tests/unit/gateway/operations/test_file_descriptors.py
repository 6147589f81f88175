"""An eighth of the file descriptors, at most 256, is reserved: client connections cannot use it."""

from __future__ import annotations

import resource

import pytest

from roomcast.gateway.operations.file_descriptors import DescriptorReserve, reserve_of


@pytest.mark.parametrize(("limit", "reserve"), [(0, 0), (64, 8), (1_024, 128), (65_536, 256), (1_048_576, 256)])
def test_the_reserve_grows_with_the_limit(limit: int, reserve: int) -> None:
    assert reserve_of(limit) == reserve


def test_a_connection_whose_descriptor_is_in_the_reserve_is_refused_and_counted() -> None:
    counted: list[tuple[int, str]] = []
    reserve = DescriptorReserve(lambda: pytest.fail("accepted"), lambda *refusal: counted.append(refusal))
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert reserve.has_room(limit - reserve_of(limit) - 1)
    assert not reserve.has_room(limit - reserve_of(limit))
    assert reserve.may_answer()
    reserve.answering = reserve_of(limit)
    assert not reserve.may_answer()
    assert counted == [(503, "descriptors")] * 2
