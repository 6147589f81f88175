"""Issue and check reconnect tickets: a busy gateway admits clients with a ticket before other clients.

Each client that signs in gets a ticket, which gives no other right. Its form is `<expiry>.<MAC>`. Any gateway with the
same key can check a ticket without a look-up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from hashlib import blake2b
from hmac import compare_digest
from typing import Final
from urllib.parse import parse_qs

LIFE_SECONDS: Final = 24 * 3600
PARAMETER: Final = "ticket"
_MAC_BYTES: Final = 12


class ReconnectTickets:
    """Issues and checks tickets with a key that all gateways of a cluster derive from one secret."""

    def __init__(self, secret: str, clock: Callable[[], float], *, older: Collection[str] = ()) -> None:
        """`older` are earlier secrets, whose tickets stay valid for now."""
        self._key = _key(secret)
        self._keys = (self._key, *map(_key, older))
        self._clock = clock

    def issue(self) -> str:
        """Return a ticket that is valid for LIFE_SECONDS."""
        expiry = f"{int(self._clock()) + LIFE_SECONDS:x}"
        return f"{expiry}.{_mac(expiry, self._key)}"

    def is_valid(self, query_string: str) -> bool:
        """Return whether the query of a handshake contains a valid ticket."""
        if PARAMETER not in query_string:
            return False
        expiry, _, mac = parse_qs(query_string).get(PARAMETER, [""])[0].partition(".")
        if not any(compare_digest(mac.encode(), _mac(expiry, key).encode()) for key in self._keys):
            return False
        return int(expiry, 16) > self._clock()


def _key(secret: str) -> bytes:
    return blake2b(secret.encode(), digest_size=32, person=b"reconnect").digest()


def _mac(expiry: str, key: bytes) -> str:
    return blake2b(expiry.encode(), key=key, digest_size=_MAC_BYTES).hexdigest()
