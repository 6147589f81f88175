"""Bound the bytes of a page. A page is one packet, which a gateway keeps until the client has read it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from roomcast.contract.limits import MAX_PAGE_BYTES

Row = TypeVar("Row")


def fitting(rows: Sequence[Row], size_of: Callable[[Row], int]) -> list[Row]:
    """Return the first rows, up to MAX_PAGE_BYTES together by `size_of`; at least one row, unless there is none."""
    kept: list[Row] = []
    size = 0
    for row in rows:
        size += size_of(row)
        if kept and size > MAX_PAGE_BYTES:
            break
        kept.append(row)
    return kept
