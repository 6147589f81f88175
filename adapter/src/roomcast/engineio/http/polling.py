"""The long-polling transport: a GET waits for packets to the client; a POST contains packets from the client."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, Protocol

from aiohttp import web

from roomcast.engineio.core_commands import Command, RejectRequest
from roomcast.engineio.fair_turns import QUANTUM, Turns
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
"""The answer to a POST whose session ended while the body was read, by the reason of the end."""
_READING_SECONDS: Final = 0.2
"""Seconds before the answer to a refused POST, if the answer to the waiting GET gives the reason. A client that sees
its POST fail drops the GET, so the GET must be answered first."""


class Host(Protocol):
    """The part of the server that polling needs; `Runtime` implements it."""

    def run(self, session: Session, commands: list[Command]) -> None:
        """Carry out the core's commands."""

    def now(self) -> float:
        """Return the time by the core's clock."""

    def watch(self, session: Session) -> None:
        """Set the session's timer again, because the core's next deadline may be earlier now."""

    @property
    def observer(self) -> Observer:
        """The observer of the engine."""

    @property
    def turns(self) -> Turns:
        """The queue of packets that wait for a later turn of the event loop."""


class _Payload(web.Response):
    """A response with a polling payload. It frees the body after writing it.

    aiohttp keeps a response until the next request of its connection.
    """

    async def write_eof(self, data: bytes = b"") -> None:
        try:
            await super().write_eof(data)
        except OSError as error:  # its traceback would keep the body in memory until a garbage collection
            raise error.with_traceback(None) from None
        finally:
            self._body = None


def payload_response(body: bytes) -> web.Response:
    """Answer with a polling payload."""
    return _Payload(body=body, headers=_HEADERS)


async def get(host: Host, session: Session, request: web.Request) -> web.Response:
    """Answer a GET with the queued packets: at once, or when the first packet is queued."""
    waiter: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    if not session.core.has_poll:
        session.waiter = waiter
    commands = session.core.poll_opened()
    host.run(session, commands)
    if RejectRequest() in commands:
        return refusal_response(BAD_REQUEST)
    if not waiter.done():
        on_client_gone(request, lambda: _end_lost_poll(host, session, waiter))
    try:
        return payload_response(await waiter)
    except asyncio.CancelledError:
        _end_lost_poll(host, session, waiter)
        raise


def _end_lost_poll(host: Host, session: Session, waiter: asyncio.Future[bytes]) -> None:
    """End the session of a client that dropped its waiting GET."""
    if session.waiter is waiter:
        session.waiter = None
        host.run(session, session.core.poll_lost())
    if not waiter.done():
        waiter.set_result(b"")


async def post(host: Host, session: Session, request: web.Request) -> web.Response:
    """Handle the packets of the body in order, as they arrive. The body may have at most `session.max_body` bytes."""
    commands = session.core.post_opened()
    host.run(session, commands)
    if RejectRequest() in commands:
        return refusal_response(BAD_REQUEST)
    read_failure: Refusal | None = None
    try:
        await _read_body(host, session, request)
    except (TimeoutError, ConnectionError, web.RequestPayloadError):
        read_failure = BAD_REQUEST
        session.close(Reason.TRANSPORT_ERROR)
    except payload.PayloadError:
        session.close(Reason.PARSE_ERROR)
    finally:
        session.core.post_ended()
    host.watch(session)
    refusal = _REFUSALS.get(session.core.end_reason or "", read_failure)
    if refusal is not None:
        if session.was_told_why:
            await asyncio.sleep(_READING_SECONDS)
        response = refusal_response(refusal)
        response.force_close()  # the rest of the body may not have arrived yet
        return response
    await _wait_until_handled(session)
    return payload_response(b"ok")


async def _wait_until_handled(session: Session) -> None:
    """Wait until the session accepts input again, at most `body_seconds`.

    So a client cannot send faster than its events are handled.
    """
    if session.is_input_paused:
        session.input_waiter = asyncio.get_running_loop().create_future()
        with suppress(TimeoutError):
            async with asyncio.timeout(session.rules.body_seconds):
                await session.input_waiter


async def _read_body(host: Host, session: Session, request: web.Request) -> None:
    """Read the body, and give its packets to the session. End the session if the body exceeds a limit.

    Raise TimeoutError when reading and handling the body takes too long, and PayloadError when it is not a valid
    polling payload.
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
                await _pass_packets(host, session, reader.feed(chunk))
            if session.is_closed:
                return
    if _spend(host, session, 1, 0):
        await _pass_packets(host, session, iter((reader.end(),)))


def _spend(host: Host, session: Session, packets: int, size: int) -> bool:
    """Charge input to the client's budget. End the session and return False if the budget is exceeded."""
    host.observer.traffic.received += size
    if session.budget.spend(host.now(), packets, size):
        return True
    session.close(Reason.FLOOD)
    return False


async def _pass_packets(host: Host, session: Session, packets: Iterator[Data]) -> None:
    """Give the packets to the session, at most QUANTUM in each turn of the event loop.

    Before each packet, wait while the session's input is paused, at most `body_seconds`.
    """
    for number, packet in enumerate(packets):
        if number and number % QUANTUM == 0:
            await host.turns.wait()
        await _wait_until_handled(session)
        if session.is_closed:
            break
        session.packet_received(packet)
