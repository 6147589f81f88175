"""The long-polling transport: one GET waits for packets, POSTs bring them."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from roomcast.engineio import payload
from roomcast.engineio.commands import Command, RefusePoll
from roomcast.engineio.refusals import Refusal, refusal_response
from roomcast.engineio.rules import Reason
from roomcast.engineio.session import Engine, Session
from roomcast.engineio.takeover import on_client_gone

TEXT_TYPE: Final = "text/plain; charset=UTF-8"
_HEADERS: Final = {"Content-Type": TEXT_TYPE, "Cache-Control": "no-store"}
_BAD_REQUEST: Final = Refusal(400, 3, "Bad request")


def payload_response(body: bytes) -> web.Response:
    return web.Response(body=body, headers=_HEADERS)


async def get(engine: Engine, session: Session, request: web.Request) -> web.Response:
    """Answer with the queued packets, at once or when there are some."""
    waiter: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    if not session.has_poll:
        session.waiter = waiter
    commands = session.poll_opened()
    engine.run(session, commands)
    if RefusePoll() in commands:
        return refusal_response(_BAD_REQUEST)
    if not waiter.done():
        on_client_gone(request, lambda: _lost(engine, session, waiter))
    try:
        return payload_response(await waiter)
    except asyncio.CancelledError:
        _lost(engine, session, waiter)
        raise


def _lost(engine: Engine, session: Session, waiter: asyncio.Future[bytes]) -> None:
    if session.waiter is waiter:
        session.waiter = None
        engine.run(session, session.poll_lost())
    if not waiter.done():
        waiter.set_result(b"")


async def post(engine: Engine, session: Session, request: web.Request) -> web.Response:
    """Take in the packets of the body, in order; any number of them, up to `max_payload` bytes in all."""
    commands = session.post_opened()
    engine.run(session, commands)
    if RefusePoll() in commands:
        return refusal_response(_BAD_REQUEST)
    try:
        body = await _read(session, request)
    except (TimeoutError, ConnectionError, web.RequestPayloadError):
        return _refuse(engine, session, Reason.TRANSPORT_ERROR, _BAD_REQUEST)
    finally:
        session.post_ended()
    if body is None:
        return _refuse(engine, session, Reason.TOO_LARGE, Refusal(413, 3, "Payload too large"))
    return _take(engine, session, body)


async def _read(session: Session, request: web.Request) -> bytes | None:
    """The body; None as soon as it is known to be too long."""
    limit = session.rules.max_payload
    if (request.content_length or 0) > limit:
        return None
    body = bytearray()
    async with asyncio.timeout(session.rules.ping_timeout):
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > limit:
                return None
    return bytes(body)


def _take(engine: Engine, session: Session, body: bytes) -> web.Response:
    try:
        packets = payload.split(body)
    except payload.PayloadError:
        return _refuse(engine, session, Reason.PARSE_ERROR, _BAD_REQUEST)
    session.traffic.received += len(body)
    for packet in packets:
        if session.is_closed:
            break
        commands: list[Command] = session.receive(packet, engine.now())
        engine.run(session, commands)
    engine.watch(session)
    if session.end_reason == Reason.PARSE_ERROR:
        return refusal_response(_BAD_REQUEST)
    return payload_response(b"ok")


def _refuse(engine: Engine, session: Session, reason: str, refusal: Refusal) -> web.Response:
    engine.run(session, session.close(reason))
    response = refusal_response(refusal)
    response.force_close()
    return response
