"""Post media requests to the stream in Redis from which the signers take them."""

from __future__ import annotations

from typing import Final

from roomcast.contract import keys
from roomcast.contract.envelope import MediaRequest
from roomcast.gateway.stores.redis_port import RedisPort, Scripts
from roomcast.wire.envelope import pack

MAX_REQUESTS: Final = 10_000
"""Bound on the requests in the stream. Redis removes the oldest requests, which are past their deadline by then."""


class MediaRequestStream:
    """Implements `roomcast.gateway.media.requests.MediaPort`. Raises RoomcastError when Redis fails."""

    def __init__(self, scripts: Scripts) -> None:
        self._redis = RedisPort(scripts)

    async def now_ms(self) -> int:
        """Return the time of Redis's clock, in milliseconds since the Unix epoch."""
        return await self._redis.now_ms(keys.MEDIA_REQUESTS)

    async def post(self, request: MediaRequest) -> None:
        """Queue a request; the first free signer takes it."""
        stream = keys.MEDIA_REQUESTS
        await self._redis.call("XADD", stream, "MAXLEN", "~", MAX_REQUESTS, "*", "m", pack(request))
