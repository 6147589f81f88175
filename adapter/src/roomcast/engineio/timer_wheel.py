"""A timer wheel: thousands of deadlines behind one timer (Varghese and Lauck, 1987; the hashed form).

Deadlines fall into slots of `tick_seconds`. An entry stays in its slot until `pop_due` returns it. The caller then
checks the deadline of the item, and adds the item again if the deadline has become later.
"""

from __future__ import annotations

from heapq import heappop, heappush
from math import ceil
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Wheel(Generic[Item]):
    """Items, sorted into slots by the time at which they are due."""

    __slots__ = ("_order", "_slots", "_tick")

    def __init__(self, tick_seconds: float) -> None:
        self._tick = tick_seconds
        self._slots: dict[int, list[Item]] = {}
        self._order: list[int] = []

    def __len__(self) -> int:
        return sum(map(len, self._slots.values()))

    def add(self, item: Item, due: float) -> int:
        """Put `item` into the slot that ends at or after `due`; return the number of the slot."""
        slot = ceil(due / self._tick)
        items = self._slots.get(slot)
        if items is None:
            self._slots[slot] = [item]
            heappush(self._order, slot)
        else:
            items.append(item)
        return slot

    def slot_of(self, due: float) -> int:
        """Return the slot into which `due` would fall."""
        return ceil(due / self._tick)

    def next_due(self) -> float | None:
        """Return the end of the earliest slot; None if the wheel is empty."""
        return self._order[0] * self._tick if self._order else None

    def pop_due(self, now: float, limit: int) -> list[tuple[int, Item]]:
        """Return at most `limit` entries of slots that have ended, with their slot numbers."""
        due: list[tuple[int, Item]] = []
        while self._order and self._order[0] * self._tick <= now and len(due) < limit:
            slot = self._order[0]
            items = self._slots[slot]
            take = limit - len(due)
            due += [(slot, item) for item in items[-take:]]
            del items[-take:]
            if not items:
                del self._slots[heappop(self._order)]
        return due
