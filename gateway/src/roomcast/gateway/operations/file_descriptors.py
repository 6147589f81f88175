"""Keep file descriptors in reserve: refuse clients near the process's limit, so that Redis connections can be opened.

The kernel gives a new descriptor the lowest free number. So a descriptor n shows that at least n others are in use.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import Callable
from typing import Final, cast

from roomcast.engineio.http.refusals import Refusal, refusal_bytes
from roomcast.wire.limited_log import LimitedLog

REFUSAL: Final = Refusal(503, 4, "The gateway has as many connections as it can hold", 5, "descriptors")
_MAX_RESERVE: Final = 256
_RESERVE_DIVISOR: Final = 8
"""The reserve is the limit of open files divided by this number, and at most _MAX_RESERVE."""
_ANSWER_SECONDS: Final = 1.0
"""Seconds that a refused client has to send a request. The gateway answers the first bytes of the request."""


def raise_limit() -> None:
    """Raise this process's limit of open files to the most that the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class DescriptorReserve:
    """A protocol factory in front of `accept`: passes connections on until only the reserve is left."""

    def __init__(self, accept: Callable[[], asyncio.Protocol], on_refused: Callable[[int, str], None]) -> None:
        self.accept = accept
        self._on_refused = on_refused
        self._log = LimitedLog(logging.getLogger(__name__))
        self.answering = 0
        """The number of refused connections that are not answered yet."""

    def __call__(self) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        return _Checked(self)

    def has_room(self, descriptor: int) -> bool:
        """Return whether this descriptor lies outside the reserve."""
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return descriptor < limit - reserve_of(limit)

    def may_answer(self) -> bool:
        """Count and log a refusal; return whether enough descriptors are left to answer the client before closing."""
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._on_refused(REFUSAL.status, REFUSAL.reason)
        reserve = reserve_of(limit)
        self._log.error(
            "descriptors", "connections are refused: only the reserve of %d open files is left (nofile)", reserve
        )
        return self.answering < reserve // 2


def reserve_of(limit: int) -> int:
    """Return the size of the reserve: the number of descriptors that clients may not use."""
    return min(_MAX_RESERVE, limit // _RESERVE_DIVISOR)


class _Checked(asyncio.Protocol):
    """A new connection before the check of its descriptor, or a refused connection before its answer."""

    def __init__(self, reserve: DescriptorReserve) -> None:
        self._reserve = reserve
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        connection = cast("asyncio.Transport", transport)
        if self._reserve.has_room(connection.get_extra_info("socket").fileno()):
            protocol = self._reserve.accept()
            connection.set_protocol(protocol)
            protocol.connection_made(connection)
        elif self._reserve.may_answer():
            self._reserve.answering += 1
            self._transport = connection
            self._timer = asyncio.get_running_loop().call_later(_ANSWER_SECONDS, connection.abort)
        else:
            connection.abort()

    def data_received(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(refusal_bytes(REFUSAL, {}))
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._reserve.answering -= 1
