"""Do long work in slices, and let the event loop do other work between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Final, TypeVar

Item = TypeVar("Item")

SLICE: Final = 16
"""Rooms or users served before the event loop may do other work. Serving them takes 0.5 to 3 ms."""


async def in_slices(items: Iterable[Item]) -> AsyncIterator[Item]:
    """Yield the items, and let the event loop do other work after every SLICE items."""
    for number, item in enumerate(items, start=1):
        yield item
        if number % SLICE == 0:
            await asyncio.sleep(0)
