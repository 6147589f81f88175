"""A connection to Redis: commands out, replies and pushes in, without a task or a future per command."""

from __future__ import annotations

import time
from asyncio import Future
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import hiredis

OnReply = Callable[[Any], None]
"""Gets a command's reply, or the error that came instead of it, synchronously; it must not raise."""
ReplyTarget = OnReply | Future[Any]
"""Who gets the reply: a callback, or a future, which the pipe itself resolves. Errors are the subclass's to give."""
PushHandler = Callable[[bytes, bytes], None]

SLICE_SECONDS: Final = 0.004
SLICE_REPLIES: Final = 128
MESSAGES: Final = (b"smessage", b"message")


class CommandPipeline:
    """The part of a link that every command and every push pass; a subclass has the connection.

    `out` are the packed commands of this tick, `pending` what their replies go to: (asker, when it was sent by the
    monotonic clock, what the subclass wants to know of it). Pushes go to `on_push(channel, data)`.
    """

    def __init__(self, on_push: PushHandler | None) -> None:
        self.is_open = False
        self.is_behind = False
        """Replies have come that are still to be taken, in the next tick."""
        self.on_push = on_push
        self.out: list[bytes] = []
        self.pending: deque[tuple[ReplyTarget, float, Any]] = deque()
        self.reader = hiredis.Reader()

    def refuse(self) -> None:
        """Raise what a closed link raises."""
        raise NotImplementedError

    def began(self) -> None:
        """The first command of a tick was queued: flush at its end, and watch over the answer."""
        raise NotImplementedError

    def take_later(self) -> None:
        """Call `take_some` in the next tick."""
        raise NotImplementedError

    def failed(self, error: Exception) -> None:
        """What came is not Redis's protocol."""
        raise NotImplementedError

    def take_odd(self, reply: Any) -> None:
        """A reply of a link that hears, or an error: anything but a message or a plain reply."""
        raise NotImplementedError

    def blame(self, error: Exception) -> None:
        """A callback raised: its caller's fault is not the link's, the replies behind it have callers, too."""
        raise NotImplementedError

    def send(self, command: bytes, asker: ReplyTarget, note: Any = "") -> None:
        """Send one packed command at the end of the tick; raises what `refuse` raises when the link is closed."""
        if not self.is_open:
            self.refuse()
        self.pending.append((asker, time.monotonic(), note))
        if not self.out:
            self.began()
        self.out.append(command)

    def data_received(self, data: bytes) -> None:
        self.reader.feed(data)
        if not self.is_behind:
            self.take_some()

    def take_some(self) -> None:
        """Replies and pushes, in order, a slice of each tick: thousands may come in one read, each with work behind it.

        A reply costs little here, but wakes a task that costs 20 to 100 µs in the next tick: so they are counted, too.
        """
        self.is_behind = False
        ends, waiting = time.monotonic() + SLICE_SECONDS, len(self.pending)
        on_push, gets = self.on_push, self.reader.gets
        while True:
            try:
                reply = gets()
            except hiredis.ProtocolError as error:
                self.failed(error)
                return
            if reply is False:
                return
            if on_push is not None and type(reply) is list and reply[0] in MESSAGES:
                on_push(reply[1], reply[2])
            elif on_push is not None or not self.pending or isinstance(reply, Exception):
                self.take_odd(reply)
            else:
                self.answer(reply)
            if time.monotonic() > ends or waiting - len(self.pending) >= SLICE_REPLIES:
                self.is_behind = True
                self.take_later()
                return

    def answer(self, reply: Any) -> None:
        """Give the oldest command its reply."""
        asker = self.pending.popleft()[0]
        if isinstance(asker, Future):
            if not asker.done():
                asker.set_result(reply)
            return
        try:
            asker(reply)
        except Exception as error:
            self.blame(error)
