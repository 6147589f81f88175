"""Authenticate the messages that processes publish through Redis, with the keys of a cluster. Pure.

Redis accounts limit who may publish on a channel, but gateways and back ends share the channels `room:{R}` and
`user:{U}`. So a process with the cluster key *seals* the messages that it publishes:

    offset  size  field
    0       1     version, 2
    1       16    keyed BLAKE2s of the channel's name in Redis, a zero byte, and the envelope
    17            the envelope, which begins with version 1 (see `roomcast.wire.envelope`)

Lua scripts finish some packets themselves (messages of the log, notes about occupants), and cannot compute a MAC. The
process that runs such a script gives it the *publisher token*, a text that only processes with the key know. The script
writes the token into the packet's skip list. The token does not protect the content. Processes without the key may not
subscribe, so they cannot learn the token.

Several keys may be valid at once: the first key seals messages, and every key opens messages. The key `none` stands for
no seal: a process with this key in its list accepts unsealed messages, and sends them if it is the first key. So a
cluster can introduce or change a key without a refused message (docs/operations.md).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b, blake2s
from hmac import compare_digest
from typing import Final

from roomcast.wire.envelope import EnvelopeError

SEALED_VERSION: Final = 2
MAC_SIZE: Final = 16
BODY_OFFSET: Final = 1 + MAC_SIZE
MIN_KEY_BYTES: Final = 32
NONE: Final = "none"
_MARK: Final = "~"
_MARK_BYTES: Final = 16
_HEAD: Final = bytes((SEALED_VERSION,))
_SEPARATORS: Final = re.compile(r"[,\n]")


class ForgedError(EnvelopeError):
    """A message without a seal, or with a seal that was not made with a cluster key."""


def keys_in(value: str) -> tuple[str, ...]:
    """Return the keys in a setting, separated by commas or newlines; an empty tuple for an empty setting.

    Raise ValueError for a key of fewer than 32 bytes that is not `none`.
    """
    found = tuple(filter(None, (part.strip() for part in _SEPARATORS.split(value))))
    if any(key != NONE and len(key.encode()) < MIN_KEY_BYTES for key in found):
        raise ValueError(f"a cluster key must have at least {MIN_KEY_BYTES} bytes; separate several keys by commas")
    return found


class Seals:
    """Seals and opens messages. Without keys it seals nothing, and accepts every message.

    `keys`: see `keys_in`. `requires_seal` is True if this process trusts only sealed messages.
    """

    def __init__(self, keys: Sequence[str] = ()) -> None:
        self._keys = tuple(_key(key, b"seal") for key in keys if key != NONE)
        self._tokens = tuple(_token(key) for key in keys if key != NONE)
        self.requires_seal = bool(keys) and NONE not in keys
        self._seals = bool(keys) and keys[0] != NONE

    @property
    def publisher_token(self) -> tuple[str, ...]:
        """Return the skip list of packets that scripts publish: the token, or an empty tuple without a key."""
        return self._tokens[:1] if self._seals else ()

    def seal(self, channel: str, envelope: bytes) -> bytes:
        """Return the bytes to publish on the channel. `channel` is its full name in Redis."""
        if not self._seals:
            return envelope
        return _HEAD + _mac(self._keys[0], channel.encode(), envelope) + envelope

    def open(self, channel: bytes, data: bytes) -> tuple[bytes, bool]:
        """Return the envelope, and whether a holder of the key sealed it for this channel.

        A message without a seal is returned as it is. Raise ForgedError for a seal of another key or channel. A
        process without keys removes a seal without a check.
        """
        if not data.startswith(_HEAD):
            return data, False
        envelope = data[BODY_OFFSET:]
        if not self._keys:
            return envelope, False
        mac = data[1:BODY_OFFSET]
        if not any(compare_digest(mac, _mac(key, channel, envelope)) for key in self._keys):
            raise ForgedError("sealed with another key, or for another channel")
        return envelope, True

    def is_publisher(self, skip: tuple[str, ...]) -> bool:
        """Return whether a packet's skip list is the publisher token of a key."""
        return len(skip) == 1 and any(compare_digest(skip[0], token) for token in self._tokens)


UNSEALED: Final = Seals()
"""The seals of a process without a key."""


def _mac(key: bytes, channel: bytes, envelope: bytes) -> bytes:
    return blake2s(channel + b"\0" + envelope, key=key, digest_size=MAC_SIZE).digest()


def _key(secret: str, purpose: bytes) -> bytes:
    """Return a key of 32 bytes for one purpose, so that a MAC never serves as a token, and a token never as a MAC."""
    return blake2b(secret.encode(), digest_size=32, person=purpose).digest()


def _token(secret: str) -> str:
    return _MARK + _key(secret, b"publisher")[:_MARK_BYTES].hex()
