"""Send signed requests to the endpoint of the before-publish hook. The one place of the hook that does I/O."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Final

import aiohttp

from roomcast.contract.signatures import signed_headers
from roomcast.gateway.publish_hook.addresses import is_public
from roomcast.gateway.publish_hook.settings import PublishHookSettings

MAX_ANSWER_BYTES: Final = 131_072
"""A text of the greatest length whose characters are all escaped, and the greatest data, fit."""
_QUEUE_PER_REQUEST: Final = 4
"""Messages that wait for a free request, for each request that may run at a time."""


class HookFailed(Exception):
    """No answer to be used; `kind` is the label under which it is counted."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class PrivateAddress(OSError):
    """The endpoint's host has an address that it must not have."""


class HookEndpoint:
    """Asks one endpoint, over connections that stay open. `now` gives unix seconds."""

    def __init__(self, settings: PublishHookSettings, now: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._secret = settings.secret.get_secret_value()
        self._now = now
        self._http: aiohttp.ClientSession | None = None
        self._free = asyncio.Semaphore(settings.concurrent)
        self._waiting = 0

    async def ask(self, body: bytes) -> bytes:
        """Return the body of the answer to this request. Raises HookFailed, at the deadline at the latest."""
        if self._waiting >= _QUEUE_PER_REQUEST * self._settings.concurrent:
            raise HookFailed("busy")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._settings.deadline_seconds), self._free:
                return await self._ask(body)
        except TimeoutError:
            raise HookFailed("deadline") from None
        except aiohttp.ClientConnectorError as error:
            is_private = isinstance(error.os_error, PrivateAddress)
            raise HookFailed("private_address" if is_private else "unreachable") from error
        except (aiohttp.ClientError, OSError) as error:
            raise HookFailed("unreachable") from error
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.close()

    async def _ask(self, body: bytes) -> bytes:
        try:
            return await self._post(body)
        except (aiohttp.ServerDisconnectedError, ConnectionResetError):
            return await self._post(body)  # an idle connection that the endpoint has closed meanwhile

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
                # Uncompressed, so that what is read is what was sent.
                headers={"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": agent},
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._http

    def _open_socket(self, info: Any) -> socket.socket:
        """Return the socket for an address that is about to be connected to; raise PrivateAddress for a private one.

        The address is that of the connection itself, so a name cannot have another one when it is used.
        """
        family, kind, protocol, _, address = info
        if not self._settings.allow_private and not is_public(str(address[0])):
            raise PrivateAddress("a private address")
        return socket.socket(family=family, type=kind, proto=protocol)
