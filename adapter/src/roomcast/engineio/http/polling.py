"""The long-polling transport: one GET waits for packets, POSTs bring them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, Protocol

from aiohttp import web

from roomcast.engineio.commands import Command, RejectRequest
from roomcast.engineio.http import payload
from roomcast.engineio.http.refusals import BAD_REQUEST, PAYLOAD_TOO_LARGE, TOO_MANY_PACKETS, Refusal, refusal_response
from roomcast.engineio.observer import Observer
from roomcast.engineio.oversized import Data
from roomcast.engineio.rules import Reason
from roomcast.engineio.session import Session
from roomcast.engineio.websocket.detach import on_client_gone

TEXT_TYPE: Final = "text/plain; charset=UTF-8"
_HEADERS: Final = {"Content-Type": TEXT_TYPE, "Cache-Control": "no-store"}
_REFUSALS: Final = {
    Reason.TRANSPORT_ERROR: BAD_REQUEST,
    Reason.PARSE_ERROR: BAD_REQUEST,
    Reason.TOO_LARGE: PAYLOAD_TOO_LARGE,
    Reason.FLOOD: TOO_MANY_PACKETS,
    Reason.CONNECT_TIMEOUT: BAD_REQUEST,
    Reason.ATTACHMENT_TIMEOUT: BAD_REQUEST,
    Reason.PING_TIMEOUT: BAD_REQUEST,
    Reason.TRANSPORT_CLOSE: BAD_REQUEST,
}
"""The answers to a POST by which, or during which, a session ended."""
_READING_SECONDS: Final = 0.2
"""Time for the client to read in its GET why it is refused: after a failed POST it reads nothing more."""


class Host(Protocol):
    """Polling's port to the server."""

    def run(self, session: Session, commands: list[Command]) -> None:
        """Carry out the core's commands."""

    def now(self) -> float:
        """Return the time by the core's clock."""

    def watch(self, session: Session) -> None:
        """Look at the session's `due` again."""

    @property
    def observer(self) -> Observer:
        """Told of what happens."""


def payload_response(body: bytes) -> web.Response:
    """Answer with a polling payload."""
    return web.Response(body=body, headers=_HEADERS)


async def get(host: Host, session: Session, request: web.Request) -> web.Response:
    """Answer with the queued packets, at once or when there are some."""
    waiter: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    if not session.core.has_poll:
        session.waiter = waiter
    commands = session.core.poll_opened()
    host.run(session, commands)
    if RejectRequest() in commands:
        return refusal_response(BAD_REQUEST)
    if not waiter.done():
        on_client_gone(request, lambda: _lost(host, session, waiter))
    try:
        return payload_response(await waiter)
    except asyncio.CancelledError:
        _lost(host, session, waiter)
        raise


def _lost(host: Host, session: Session, waiter: asyncio.Future[bytes]) -> None:
    if session.waiter is waiter:
        session.waiter = None
        host.run(session, session.core.poll_lost())
    if not waiter.done():
        waiter.set_result(b"")


async def post(host: Host, session: Session, request: web.Request) -> web.Response:
    """Take in the packets of the body as they come, in order; any number of them, up to `max_body` bytes in all."""
    commands = session.core.post_opened()
    host.run(session, commands)
    if RejectRequest() in commands:
        return refusal_response(BAD_REQUEST)
    otherwise: Refusal | None = None
    try:
        await _take(host, session, request)
    except (TimeoutError, ConnectionError, web.RequestPayloadError):
        otherwise = BAD_REQUEST
        session.close(Reason.TRANSPORT_ERROR)
    except payload.PayloadError:
        session.close(Reason.PARSE_ERROR)
    finally:
        session.core.post_ended()
    host.watch(session)
    refusal = _REFUSALS.get(session.core.end_reason or "", otherwise)
    if refusal is not None:
        if session.was_told_why:
            await asyncio.sleep(_READING_SECONDS)
        response = refusal_response(refusal)
        response.force_close()  # the rest of the body may still be on its way
        return response
    await _wait_until_handled(session)
    return payload_response(b"ok")


async def _wait_until_handled(session: Session) -> None:
    """Answer the POST only when the client may send more: so a slow back end slows its clients down."""
    if session.is_input_paused:
        session.input_waiter = asyncio.get_running_loop().create_future()
        with suppress(TimeoutError):
            async with asyncio.timeout(session.rules.body_seconds):
                await session.input_waiter


async def _take(host: Host, session: Session, request: web.Request) -> None:
    """Hand on the packets of the body; end the session as soon as it is known that it may not send them.

    Raises TimeoutError for a body that drips, PayloadError for one that is no payload.
    """
    left = session.max_body
    if (request.content_length or 0) > left:
        session.refuse_input()
        return
    reader = payload.PayloadReader(session.max_message)
    async with asyncio.timeout(min(session.rules.ping_timeout, session.rules.body_seconds)):
        async for chunk in request.content.iter_any():
            left -= len(chunk)
            if left < 0:
                session.refuse_input()
            elif _spend(host, session, chunk.count(payload.SEPARATOR_BYTE), len(chunk)):
                await _hand_on(session, reader.feed(chunk))
            if session.is_closed:
                return
    if _spend(host, session, 1, 0):
        await _hand_on(session, iter((reader.end(),)))


def _spend(host: Host, session: Session, packets: int, size: int) -> bool:
    """Take what was read from the client's budget; end its session if that is spent."""
    host.observer.traffic.received += size
    if session.budget.spend(host.now(), packets, size):
        return True
    session.close(Reason.FLOOD)
    return False


async def _hand_on(session: Session, packets: Iterator[Data]) -> None:
    """Hand on packets; between two of them, wait while the client has to."""
    for packet in packets:
        if session.is_closed:
            break
        await _wait_until_handled(session)
        session.packet_received(packet)
