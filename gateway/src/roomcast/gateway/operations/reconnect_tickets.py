"""Reconnect tickets: a client that was signed in shows one when it comes back, and is let in before strangers.

A ticket proves nothing but that: it is `<expiry>.<MAC>`, checked without a look-up, by any gateway with the same key.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from hmac import compare_digest
from typing import Final
from urllib.parse import parse_qs

LIFE_SECONDS: Final = 24 * 3600
PARAMETER: Final = "ticket"
_MAC_BYTES: Final = 12


class ReconnectTickets:
    """Issue and check tickets under a key that all gateways of a cluster derive from one secret."""

    def __init__(self, secret: str, clock: Callable[[], float]) -> None:
        self._key = blake2b(secret.encode(), digest_size=32, person=b"reconnect").digest()
        self._clock = clock

    def issue(self) -> str:
        """Return a ticket that is good for LIFE_SECONDS."""
        expiry = f"{int(self._clock()) + LIFE_SECONDS:x}"
        return f"{expiry}.{self._mac(expiry)}"

    def is_valid(self, query_string: str) -> bool:
        """Return whether the query of a handshake carries a valid ticket."""
        if PARAMETER not in query_string:
            return False
        expiry, _, mac = parse_qs(query_string).get(PARAMETER, [""])[0].partition(".")
        if not compare_digest(mac.encode(), self._mac(expiry).encode()):
            return False
        return int(expiry, 16) > self._clock()

    def _mac(self, expiry: str) -> str:
        return blake2b(expiry.encode(), key=self._key, digest_size=_MAC_BYTES).hexdigest()
