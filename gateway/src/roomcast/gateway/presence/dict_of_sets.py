"""Remove values from the sets in a dict, so that no empty set stays in the dict."""

from __future__ import annotations

from typing import TypeVar

K = TypeVar("K")


def discard(index: dict[K, set[str]], key: K, value: str) -> None:
    """Remove a value from the set of a key; with the last value, remove the key."""
    values = index.get(key)
    if values is None:
        return
    values.discard(value)
    if not values:
        del index[key]
