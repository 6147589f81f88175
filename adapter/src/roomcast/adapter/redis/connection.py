"""One connection to one Redis server: pipelined, without a task or a lock per command.

Why not redis-py here: a command through its asyncio client costs 60 to 100 µs of CPU, a received message 12 µs. A
gateway sends one script per message and receives one packet per message and room. This protocol costs a few µs for
either: it parses RESP2 with hiredis, and joins the writes of one turn of the event loop. All other code in Roomcast
uses redis-py.

A connection object starts open, and never reconnects. `server_connections.py` opens a new connection instead.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from ssl import SSLContext
from typing import Any, Final, NamedTuple, cast

import hiredis

from roomcast.adapter.redis.command_pipeline import CommandPipeline, PushHandler, ReplyTarget
from roomcast.wire.lua import Script
from roomcast.wire.redis_info import RedisInfo, parse_info
from roomcast.wire.redis_tls import make_context
from roomcast.wire.redis_url import RedisTarget

_CHECKS: Final = 4
"""The number of checks that a command must have waited through before it counts as unanswered."""
_MAX_UNREAD_BYTES: Final = 4_000_000
"""The most received bytes that wait to be handled. Further bytes wait in Redis (client-output-buffer-limit)."""
_CLOSED: Final = "the Redis connection is closed"


class RedisConnectionError(Exception):
    """The base class of the errors of a connection."""


class NotConnected(RedisConnectionError):
    """There is no connection: the command was not sent."""


class ConnectionLost(RedisConnectionError):
    """The connection broke, or no reply came in time: the command may or may not have been carried out."""


class CommandError(RedisConnectionError):
    """Redis answered with an error; `args[0]` is its text."""


class _Run(NamedTuple):
    """A script that was called by its hash."""

    lua: Script
    keys: Sequence[str]
    args: Sequence[bytes | str | int]


class RedisConnection(CommandPipeline, asyncio.Protocol):
    """One connection for commands, or for pub/sub, whose messages go to `on_push(channel, data)`.

    `on_unsubscribed(channel)` is called when the server ends a subscription without a command, `on_demoted` when it
    refuses a write because it is a replica now. `CommandPipeline` has the code that runs for every command and message.
    """

    def __init__(
        self,
        *,
        timeout_seconds: float = 1.0,
        on_push: PushHandler | None = None,
        on_unsubscribed: Callable[[bytes], None] | None = None,
        on_demoted: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(on_push)
        self.info = RedisInfo("", "", "", "")
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._timeout = timeout_seconds
        self._on_unsubscribed = on_unsubscribed or _ignore
        self._on_demoted = on_demoted or _ignore_demotion
        self._transport: asyncio.Transport | None = None
        self._checker: asyncio.TimerHandle | None = None
        self._checked_at = deque([-math.inf] * _CHECKS, maxlen=_CHECKS)
        """The times of the latest checks (monotonic clock)."""
        self._unread_bytes = 0
        """Bytes received since `has_unread` was last false."""

    @property
    def run_id(self) -> str:
        """The run id of the server process."""
        return self.info.run_id

    def call(self, *args: bytes | str | int | float) -> asyncio.Future[Any]:
        """Send one command. This call raises NotConnected after the end; the future, CommandError or ConnectionLost."""
        future = self._loop.create_future()
        self.send(hiredis.pack_command(cast("Any", args)), future, args[0])
        return future

    def script(self, lua: Script, keys: Sequence[str], args: Sequence[bytes | str | int]) -> asyncio.Future[Any]:
        """Run a script by its hash, or by its text if the server does not know the hash. Errors as in `call`."""
        future = self._loop.create_future()
        command: Any = ("EVALSHA", lua.sha, len(keys), *keys, *args)
        self.send(hiredis.pack_command(command), future, _Run(lua, keys, args))
        return future

    def _send_text(self, reply_target: ReplyTarget, run: _Run) -> None:
        """Send the text of a script that the server does not know."""
        if self.is_open:
            command: Any = ("EVAL", run.lua.source, len(run.keys), *run.keys, *run.args)
            self.send(hiredis.pack_command(command), reply_target, "EVAL")
        else:
            self._fail(reply_target, ConnectionLost(_CLOSED))

    def close(self) -> None:
        """Drop the connection; every waiting call raises ConnectionLost. Repeated calls do nothing."""
        if self._transport is not None:
            self._transport.abort()
        self._end("closed")

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        """Handle bytes from Redis. Pause reading while more than _MAX_UNREAD_BYTES wait to be handled."""
        super().data_received(data)
        if self.has_unread:
            self._unread_bytes += len(data)
            if self._unread_bytes > _MAX_UNREAD_BYTES and self._transport is not None:
                self._transport.pause_reading()
                self._when_handled(self._read_on)
        else:
            self._unread_bytes = 0

    def _read_on(self) -> None:
        """Read more from Redis."""
        self._unread_bytes = 0
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the waiting calls, after `read_some` has handled all replies that arrived before."""
        self.is_open = False
        self._when_handled(partial(self._end, str(exc) if exc else "connection closed by Redis"))

    def _when_handled(self, go_on: Callable[[], None]) -> None:
        """Call `go_on` after `read_some` has handled all slices, which may take several turns of the loop."""
        if self.has_unread:
            self._loop.call_soon(self._when_handled, go_on)
        else:
            go_on()

    # --- the methods that CommandPipeline calls ---

    def refuse(self) -> None:
        """Raise NotConnected, because the connection has ended."""
        raise NotConnected(_CLOSED)

    def schedule_flush(self) -> None:
        """Schedule a flush after the callbacks of this turn, and the check for late replies."""
        self._loop.call_soon(self._flush)
        if self._checker is None:
            self._check_later(self._timeout)

    def _flush(self) -> None:
        out, self.out = self.out, []
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(out))  # on a closing transport, `connection_lost` fails the pending calls

    def read_later(self) -> None:
        """Read the next replies in the next turn of the loop."""
        self._loop.call_soon(self.read_some)

    def failed(self, error: Exception) -> None:
        """Close the connection after bytes that violate the Redis protocol."""
        self._end(f"not Redis: {error}")
        self.close()

    def report_error(self, error: Exception) -> None:
        """Report the error of a reply's callback to the event loop."""
        self._loop.call_exception_handler({"message": "the callback of a Redis reply failed", "exception": error})

    def handle_other_reply(self, reply: Any) -> None:
        """Handle a pushed reply that is not a message."""
        if type(reply) is list and reply[0] == b"sunsubscribe" and self._is_forced_unsubscription():
            self._on_unsubscribed(reply[1])
        elif self.pending and isinstance(reply, hiredis.ReplyError):
            self._handle_error(str(reply))
        elif self.pending:
            self.answer(reply)

    def _handle_error(self, error: str) -> None:
        reply_target, _, note = self.pending.popleft()
        if type(note) is _Run and error.startswith("NOSCRIPT"):
            self._send_text(reply_target, note)
            return
        if _is_readonly(error):
            self._loop.call_soon(self._on_demoted)
        self._fail(reply_target, CommandError(error))

    def _fail(self, reply_target: ReplyTarget, error: RedisConnectionError) -> None:
        if isinstance(reply_target, asyncio.Future):
            _set_error(reply_target, error)
            return
        try:
            reply_target(error)
        except Exception as trouble:
            self.report_error(trouble)

    def _is_forced_unsubscription(self) -> bool:
        """Tell whether the server ended a subscription without a command: the slot moved to another server."""
        return not self.pending or self.pending[0][2] != "SUNSUBSCRIBE"

    def _check(self) -> None:
        """End the connection if Redis accepts commands but does not reply, because callers would wait without end.

        The oldest command is overdue if it has waited longer than the timeout, and through the last _CHECKS checks.
        Replies to earlier commands do not extend the wait: a Redis that falls behind counts as unanswering. If this
        process was suspended or its event loop stalled, the whole stall counts as one check, and Redis gets more.
        """
        self._checker = None
        if not self.pending:
            return  # the next call sets the timer again: an idle connection costs no wake-up
        sent_at, now = self.pending[0][1], time.monotonic()
        self._checked_at.append(now)
        left = sent_at + self._timeout - now
        if left > 0 or self.has_unread or sent_at > self._checked_at[0]:
            self._check_later(left)
            return
        self._end(f"no answer within {self._timeout:g} s")
        self.close()

    def _check_later(self, left: float) -> None:
        """Schedule the next check in timeout / _CHECKS seconds, or in `left` seconds if that is positive and less."""
        interval = self._timeout / _CHECKS
        self._checker = self._loop.call_later(min(left, interval) if left > 0 else interval, self._check)

    def _end(self, reason: str) -> None:
        self.is_open = False
        if self._checker is not None:
            self._checker.cancel()
        if not self.lost.done():
            self.lost.set_result(None)
        pending, self.pending = self.pending, deque()
        for reply_target, _, _ in pending:
            self._fail(reply_target, ConnectionLost(reason))


def _set_error(future: asyncio.Future[Any], error: RedisConnectionError) -> None:
    if future.done():
        return
    future.set_exception(error)
    if isinstance(error, ConnectionLost):
        future.exception()  # mark the error as retrieved: asyncio would log it if no caller awaits the future


def pack_command(count: int, *args: bytes | str | int) -> bytes:
    """Return the packed beginning of a command with `count` arguments. The caller appends the other arguments."""
    whole: bytes = hiredis.pack_command(cast("Any", args))
    return b"*%d%b" % (count, whole[whole.index(b"\r") :])


def _ignore(channel: bytes) -> None:
    """Ignore that the server dropped a channel."""


def _ignore_demotion() -> None:
    """Ignore that the server became a replica."""


def _is_readonly(error: str) -> bool:
    """Return whether a replica refused a write. Before Redis 7, a script's error has READONLY in its middle."""
    return error.startswith("READONLY") or ": -READONLY" in error


async def open_connection(
    target: RedisTarget,
    *,
    timeout_seconds: float = 1.0,
    on_push: PushHandler | None = None,
    on_unsubscribed: Callable[[bytes], None] | None = None,
    on_demoted: Callable[[], None] | None = None,
    check: Callable[[RedisInfo], None] | None = None,
    name: str = "roomcast",
    scripts: Sequence[Script] = (),
) -> RedisConnection:
    """Return a connection that has logged in and loaded all scripts; `target` is one server.

    Raise RedisConnectionError, OSError or TimeoutError. `on_demoted` is called when the server refuses a write because
    it is a replica now. `check` raises NotConnected for an unusable server.
    """
    loop = asyncio.get_running_loop()

    def make() -> RedisConnection:
        return RedisConnection(
            timeout_seconds=timeout_seconds, on_push=on_push, on_unsubscribed=on_unsubscribed, on_demoted=on_demoted
        )

    async with asyncio.timeout(timeout_seconds):
        if target.unix_path is not None:
            _, connection = await loop.create_unix_connection(make, target.unix_path)
        else:
            host, port = target.hosts[0]
            _, connection = await loop.create_connection(make, host, port, ssl=_context(target))
    try:
        await _log_in(connection, target, name)
        if check is not None:
            check(connection.info)
        await asyncio.gather(*(connection.call("SCRIPT", "LOAD", script.source) for script in scripts))
    except BaseException:
        connection.close()
        raise
    return connection


async def _log_in(connection: RedisConnection, target: RedisTarget, name: str) -> None:
    replies = []
    if target.password is not None:
        replies.append(connection.call("AUTH", *([target.username] if target.username else []), target.password))
    if target.db:
        replies.append(connection.call("SELECT", target.db))
    replies += [connection.call("CLIENT", "SETNAME", name), connection.call("INFO")]
    connection.info = parse_info((await asyncio.gather(*replies))[-1])


def _context(target: RedisTarget) -> SSLContext | None:
    try:
        return make_context(target)
    except ValueError as error:  # the certificate files were readable when the process started
        raise NotConnected(str(error)) from None
