"""The long-polling transport: one GET waits for packets, POSTs bring them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final, Protocol

from aiohttp import web

from roomcast.engineio.commands import Command, RejectRequest
from roomcast.engineio.http import payload
from roomcast.engineio.http.refusals import BAD_REQUEST, PAYLOAD_TOO_LARGE, TOO_MANY_PACKETS, Refusal, refusal_response
from roomcast.engineio.observer import Observer
from roomcast.engineio.rules import Reason
from roomcast.engineio.session import Session
from roomcast.engineio.websocket.detach import on_client_gone

TEXT_TYPE: Final = "text/plain; charset=UTF-8"
_HEADERS: Final = {"Content-Type": TEXT_TYPE, "Cache-Control": "no-store"}


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
    """Take in the packets of the body, in order; any number of them, up to `max_payload` bytes in all."""
    commands = session.core.post_opened()
    host.run(session, commands)
    if RejectRequest() in commands:
        return refusal_response(BAD_REQUEST)
    try:
        body = await _read(session, request)
    except (TimeoutError, ConnectionError, web.RequestPayloadError):
        return _refuse(session, Reason.TRANSPORT_ERROR, BAD_REQUEST)
    finally:
        session.core.post_ended()
    if body is None:
        return _refuse(session, Reason.TOO_LARGE, PAYLOAD_TOO_LARGE)
    response = _take(host, session, body)
    await _wait_until_handled(session)
    return response


async def _wait_until_handled(session: Session) -> None:
    """Answer the POST only when the client may send more: so a slow back end slows its clients down."""
    if session.is_input_paused:
        session.input_waiter = asyncio.get_running_loop().create_future()
        with suppress(TimeoutError):
            async with asyncio.timeout(session.rules.body_seconds):
                await session.input_waiter


async def _read(session: Session, request: web.Request) -> bytes | None:
    """Return the body; None as soon as it is known to be too long. Raises TimeoutError for a body that drips."""
    limit = session.max_message
    if (request.content_length or 0) > limit:
        return None
    body = bytearray()
    async with asyncio.timeout(min(session.rules.ping_timeout, session.rules.body_seconds)):
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > limit:
                return None
    return bytes(body)


def _take(host: Host, session: Session, body: bytes) -> web.Response:
    host.observer.traffic.received += len(body)
    if not session.budget.spend(host.now(), body.count(payload.SEPARATOR_BYTE) + 1, len(body)):
        return _refuse(session, Reason.FLOOD, TOO_MANY_PACKETS)
    try:
        packets = payload.split(body)
    except payload.PayloadError:
        return _refuse(session, Reason.PARSE_ERROR, BAD_REQUEST)
    for packet in packets:
        if session.is_closed:
            break
        session.packet_received(packet)
    host.watch(session)
    if session.core.end_reason == Reason.PARSE_ERROR:
        return refusal_response(BAD_REQUEST)
    return payload_response(b"ok")


def _refuse(session: Session, reason: str, refusal: Refusal) -> web.Response:
    session.close(reason)
    response = refusal_response(refusal)
    response.force_close()
    return response
