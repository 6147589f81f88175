"""Make session ids: `g<node>.` and 120 random bits. The id names the node of the session."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from typing import Final

_BYTES: Final = 15
_CHARACTERS: Final = 20
_AT_ONCE: Final = 64


def prefix_of(node: str) -> str:
    """Return the beginning of the ids of a node's sessions."""
    return f"g{node}."


class SessionIds:
    """Makes a new id at each call. It draws the bits of 64 ids at once, so a forked process needs its own object."""

    def __init__(self, node: str) -> None:
        self._prefix = prefix_of(node)
        self._pool = ""
        self._at = 0

    def __call__(self) -> str:
        """Return a new session id."""
        if self._at == len(self._pool):
            self._pool, self._at = urlsafe_b64encode(secrets.token_bytes(_BYTES * _AT_ONCE)).decode(), 0
        start, self._at = self._at, self._at + _CHARACTERS
        return self._prefix + self._pool[start : self._at]
