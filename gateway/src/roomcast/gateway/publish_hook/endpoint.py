"""Send signed requests to the endpoint of the publish hook. Only this module of the hook does I/O."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, Final

import aiohttp

from roomcast.contract.signatures import signed_headers
from roomcast.gateway.publish_hook.addresses import is_public
from roomcast.gateway.publish_hook.settings import PublishHookSettings

MAX_ANSWER_BYTES: Final = 131_072
"""Most bytes of an answer: enough for the longest text with all characters escaped, and the largest data."""
BUSY: Final = "busy"
"""The `kind` of the failure if the endpoint was not asked, because too many requests run and wait."""
_QUEUE_PER_REQUEST: Final = 4
"""Bound on requests that run or wait, in multiples of the setting `concurrent`."""


class HookFailed(Exception):
    """The endpoint gave no usable answer. `kind` is the label of the failure in the metrics."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class PrivateAddress(OSError):
    """The endpoint's host has a private address, which the settings do not allow."""


class HookEndpoint:
    """Asks one endpoint, over connections that stay open. `now` returns unix seconds."""

    def __init__(self, settings: PublishHookSettings, now: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._secret = settings.secret.get_secret_value()
        self._now = now
        self._http: aiohttp.ClientSession | None = None
        self._free = asyncio.Semaphore(settings.concurrent)
        self._waiting = 0

    async def ask(self, body: bytes) -> bytes:
        """Return the body of the answer to this request.

        A request waits for its turn for `deadline_seconds` at most, and then for its answer for as long at most. Raise
        HookFailed after these times, if too many requests wait, or if the answer is not usable.
        """
        if self._waiting >= _QUEUE_PER_REQUEST * self._settings.concurrent:
            raise HookFailed(BUSY)
        self._waiting += 1
        try:
            async with self._turn():
                return await self._ask_in_time(body)
        finally:
            self._waiting -= 1

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait until fewer than `concurrent` requests are in progress. Raise HookFailed after `deadline_seconds`."""
        try:
            async with asyncio.timeout(self._settings.deadline_seconds):
                await self._free.acquire()
        except TimeoutError:
            raise HookFailed(BUSY) from None
        try:
            yield
        finally:
            self._free.release()

    async def _ask_in_time(self, body: bytes) -> bytes:
        try:
            async with asyncio.timeout(self._settings.deadline_seconds):
                return await self._ask(body)
        except TimeoutError:
            raise HookFailed("deadline") from None
        except aiohttp.ClientConnectorError as error:
            is_private = isinstance(error.os_error, PrivateAddress)
            raise HookFailed("private_address" if is_private else "unreachable") from error
        except (aiohttp.ClientError, OSError) as error:
            raise HookFailed("unreachable") from error

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.close()

    async def _ask(self, body: bytes) -> bytes:
        try:
            return await self._post(body)
        except (aiohttp.ServerDisconnectedError, ConnectionResetError):
            return await self._post(body)  # the endpoint may have closed an idle connection

    async def _post(self, body: bytes) -> bytes:
        headers = signed_headers(self._secret, self._now(), body)
        async with self._session().post(
            self._settings.url, data=body, headers=headers, allow_redirects=False
        ) as answer:
            if 300 <= answer.status < 400:
                raise HookFailed("redirect")
            if answer.status != 200:
                raise HookFailed("status")
            read = bytearray()
            async for chunk in answer.content.iter_any():
                read += chunk
                if len(read) > MAX_ANSWER_BYTES:
                    raise HookFailed("too_large")
            return bytes(read)

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            agent = f"roomcast-gateway/{version('roomcast-gateway')}"
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, socket_factory=self._open_socket),
                # Uncompressed, so that MAX_ANSWER_BYTES bounds the answer itself.
                headers={"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": agent},
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._http

    def _open_socket(self, info: Any) -> socket.socket:
        """Return a socket to connect to this address; raise PrivateAddress for a private address.

        The check uses the address of the connection itself, so the host name cannot resolve to another address later.
        """
        family, kind, protocol, _, address = info
        if not self._settings.allow_private and not is_public(str(address[0])):
            raise PrivateAddress("a private address")
        return socket.socket(family=family, type=kind, proto=protocol)
