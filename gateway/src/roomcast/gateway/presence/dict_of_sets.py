"""Remove values from a dict of sets that must not hold an empty set."""

from __future__ import annotations

from typing import TypeVar

K = TypeVar("K")


def discard(index: dict[K, set[str]], key: K, value: str) -> None:
    """Remove a value from the set of a key, and the key with its last value."""
    values = index.get(key)
    if values is None:
        return
    values.discard(value)
    if not values:
        del index[key]
