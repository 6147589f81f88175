"""Send the gateway's media requests to the signers, and match each reply to its call by the request id.

    sign, complete, url --MediaRequest--> port ... signer ... --MediaReply on node:{N}--> reply

This module uses neither Redis nor storage directly. `Patience` bounds how long a call waits and how many calls wait at
once. A reply that arrives after its call has ended is ignored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple, Protocol

import msgspec

from roomcast.contract.envelope import MediaReply, MediaRequest
from roomcast.contract.errors import Code, RoomcastError, by_number
from roomcast.contract.events.media import MediaComplete, MediaSign, MediaUrl

Action = Literal["sign", "complete", "url"]
RETRY_SECONDS: Final = 1.0


class MediaPort(Protocol):
    """Passes requests to the signers; see `roomcast.gateway.stores.media_requests.MediaRequestStream`.

    Both methods raise RoomcastError when Redis fails.
    """

    async def now_ms(self) -> int:
        """Return the time of Redis's clock, in milliseconds since the Unix epoch."""
        ...

    async def post(self, request: MediaRequest) -> None:
        """Queue a request; the first free signer takes it."""
        ...


class Patience(NamedTuple):
    """The seconds to wait for each action, and the number of requests of this process that may wait at once."""

    sign_seconds: float = 0.8
    complete_seconds: float = 5.0
    url_seconds: float = 0.8
    max_waiting: int = 1000


class MediaRequests:
    """The media requests of this gateway; replies arrive on the channel of `node`.

    Every action raises RoomcastError: the signer's error, or MEDIA_UNAVAILABLE if no signer answers in time. The
    caller has checked that the user may enter the room.
    """

    def __init__(
        self,
        port: MediaPort,
        node: str,
        make_id: Callable[[], str],
        patience: Patience = Patience(),  # noqa: B008
    ) -> None:
        self._port = port
        self._node = node
        self._make_id = make_id
        self._patience = patience
        self._waiting: dict[str, asyncio.Future[MediaReply]] = {}

    def __len__(self) -> int:
        """Return how many requests wait for an answer."""
        return len(self._waiting)

    async def sign_upload(self, user: str, wanted: MediaSign) -> dict[str, Any]:
        """Return `{upload, method, url, fields or headers, expires}`."""
        return await self._ask(user, "sign", msgspec.to_builtins(wanted), self._patience.sign_seconds)

    async def complete_upload(self, user: str, wanted: MediaComplete) -> dict[str, Any]:
        """Return `{media}`; the signer checks that the upload is this user's."""
        args = {"upload": wanted.upload}  # without the unused `parts`: requests wait in Redis while no signer runs
        return await self._ask(user, "complete", args, self._patience.complete_seconds)

    async def sign_download(self, user: str, wanted: MediaUrl, room: str) -> dict[str, Any]:
        """Return `{url, expires}` of an upload; raise NOT_FOUND unless its room is the one that the caller checked."""
        args = {"upload": wanted.upload, "room": room}
        result = await self._ask(user, "url", args, self._patience.url_seconds)
        if result.pop("room", None) != room:
            raise RoomcastError(Code.NOT_FOUND)
        return result

    def receive_reply(self, reply: MediaReply) -> None:
        """Give a reply from the node's channel to the call that waits for it."""
        waiting = self._waiting.get(reply.request)
        if waiting is not None and not waiting.done():
            waiting.set_result(reply)

    def close(self) -> None:
        """Answer every waiting request with MEDIA_UNAVAILABLE."""
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(RoomcastError(Code.MEDIA_UNAVAILABLE, retry_after=RETRY_SECONDS))

    async def _ask(self, user: str, action: Action, args: dict[str, Any], seconds: float) -> dict[str, Any]:
        if len(self._waiting) >= self._patience.max_waiting:
            raise RoomcastError(Code.MEDIA_UNAVAILABLE, "too many requests wait", retry_after=RETRY_SECONDS)
        request_id = self._make_id()
        waiting: asyncio.Future[MediaReply] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = waiting
        try:
            async with asyncio.timeout(seconds):
                deadline_ms = await self._port.now_ms() + int(seconds * 1000)
                await self._port.post(MediaRequest(request_id, self._node, user, action, args, deadline_ms))
                return _result(await waiting)
        except TimeoutError:
            raise RoomcastError(Code.MEDIA_UNAVAILABLE, retry_after=RETRY_SECONDS) from None
        finally:
            del self._waiting[request_id]
            waiting.cancel()


def _result(reply: MediaReply) -> dict[str, Any]:
    if reply.result is not None:
        return reply.result
    raise RoomcastError(by_number(reply.error), reply.detail, retry_after=reply.retry_after or None)
