"""Bound the bytes of a page: a process keeps each page in memory until the client has read it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

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


def report_size(report: Mapping[str, Any]) -> int:
    """Return the size of a report on a page: the characters of its message as JSON, as the rest of it is small."""
    return len(report["message"])
