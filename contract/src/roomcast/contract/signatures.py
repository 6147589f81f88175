"""Sign the HTTP requests that Roomcast sends to an application, and check the signatures. Pure.

    Roomcast-Timestamp: 1764259200
    Roomcast-Signature: v1=<hex of HMAC-SHA256(secret, "1764259200." + body)>

The signature includes the timestamp, so that a recorded request cannot be replayed later.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

TIMESTAMP_HEADER: Final = "Roomcast-Timestamp"
SIGNATURE_HEADER: Final = "Roomcast-Signature"
MIN_SECRET_BYTES: Final = 32
_VERSION: Final = "v1="


def signed_headers(secret: str, now: float, body: bytes) -> dict[str, str]:
    """Return the two headers for a request with this body. `now` is in unix seconds."""
    timestamp = str(int(now))
    return {TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: _signature(secret, timestamp, body)}


def is_signed(
    secret: str, headers: Mapping[str, str], body: bytes, now: float, *, tolerance_seconds: float = 300
) -> bool:
    """Tell whether a request was signed with this secret at most `tolerance_seconds` before or after `now`.

    `headers`: a mapping that ignores case, as in web frameworks. `body`: the unchanged bytes of the request.
    """
    timestamp, signature = headers.get(TIMESTAMP_HEADER, ""), headers.get(SIGNATURE_HEADER, "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16 and signature.isascii()):
        return False
    if not hmac.compare_digest(_signature(secret, timestamp, body), signature):
        return False
    return abs(now - int(timestamp)) <= tolerance_seconds


def _signature(secret: str, timestamp: str, body: bytes) -> str:
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return _VERSION + digest.hexdigest()
