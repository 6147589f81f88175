"""Add a deployment's prefix to its keys and channels, so that several deployments can share one Redis.

Redis separates keys by database number, but not channels. So every key and channel of a deployment starts with its
prefix: `<prefix>:` if the URL has `?prefix=<prefix>`, and `@<n>:` in database n. Database 0 without a prefix has plain
names. The prefix stands before the hash tag, so a key stays in its slot of a cluster.
"""

from __future__ import annotations

from collections.abc import Iterable


class Keyspace:
    """Turns the key and channel names of the code into the names in Redis."""

    __slots__ = ("prefix",)

    def __init__(self, prefix: str = "", database: int = 0) -> None:
        self.prefix = (f"{prefix}:" if prefix else "") + (f"@{database}:" if database else "")

    def name(self, name: str) -> str:
        """Return a key's or channel's name in Redis."""
        return self.prefix + name if self.prefix else name

    def names(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return several names, as for the KEYS of a script."""
        return tuple(self.prefix + name for name in names) if self.prefix else tuple(names)
