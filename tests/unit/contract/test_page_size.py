"""The bound on the bytes of a page: its first rows stay, and the script that reads pages has the same bound."""

from __future__ import annotations

import re

from roomcast.contract.limits import MAX_PAGE_BYTES
from roomcast.contract.lua import script
from roomcast.contract.page_size import fitting


def test_a_page_ends_before_the_row_that_exceeds_the_bound() -> None:
    half = MAX_PAGE_BYTES // 2
    assert fitting([half, half, 1], lambda size: size) == [half, half]
    assert fitting([], lambda size: size) == []


def test_a_page_has_a_row_also_if_the_row_exceeds_the_bound() -> None:
    assert fitting([MAX_PAGE_BYTES + 1, 1], lambda size: size) == [MAX_PAGE_BYTES + 1]


def test_the_script_that_reads_pages_has_the_same_bound() -> None:
    found = re.search(r"^local MAX_BYTES = (\d+)$", script("room_read").source.decode(), re.MULTILINE)
    assert found is not None
    assert int(found[1]) == MAX_PAGE_BYTES
