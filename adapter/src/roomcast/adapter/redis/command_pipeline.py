"""Send commands to Redis, and give each reply to its receiver. The pipeline needs no task or future per command.

`RedisConnection` adds the socket. `command_pipeline.pxd` gives the compiled build the C types.
"""

from __future__ import annotations

from asyncio import Future
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

import hiredis

from roomcast.hotpath.module_loader import prefer_compiled

OnReply = Callable[[Any], None]
"""Called with a command's reply or error, synchronously; it must not raise."""
ReplyTarget = OnReply | Future[Any]
"""The receiver of a command's reply: a callback, or a future. Instead of a reply, the subclass may give it an error."""
PushHandler = Callable[[bytes, bytes], None]

SLICE_SECONDS: Final = 0.004
SLICE_REPLIES: Final = 128
MESSAGES: Final = (b"smessage", b"message")


class CommandPipeline:
    """Sends the commands of one connection, and distributes its replies and pushes. A subclass owns the socket.

    `out` contains the packed commands that the flush at the end of this turn of the event loop sends. `pending`
    contains, for each command without a reply, the receiver of the reply, the time of sending (monotonic clock), and a
    note for the subclass. Pushes go to `on_push(channel, data)`.
    """

    def __init__(self, on_push: PushHandler | None) -> None:
        self.is_open = False
        self.has_unread = False
        """True while received replies wait for `read_some` in the next turn."""
        self.on_push = on_push
        self.out: list[bytes] = []
        self.pending: deque[tuple[ReplyTarget, float, Any]] = deque()
        self.reader = hiredis.Reader()

    def refuse(self) -> None:
        """Raise the error of a closed connection."""
        raise NotImplementedError

    def schedule_flush(self) -> None:
        """Schedule a flush of `out` at the end of this turn, and the check for late replies."""
        raise NotImplementedError

    def read_later(self) -> None:
        """Call `read_some` in the next turn."""
        raise NotImplementedError

    def failed(self, error: Exception) -> None:
        """Handle bytes that violate the Redis protocol."""
        raise NotImplementedError

    def handle_other_reply(self, reply: Any) -> None:
        """Handle an error reply, or a pushed reply that is not a message."""
        raise NotImplementedError

    def report_error(self, error: Exception) -> None:
        """Log the error of a callback and keep the connection: later replies belong to other callers."""
        raise NotImplementedError

    def send(self, command: bytes, target: ReplyTarget, note: Any = "") -> None:
        """Send one packed command at the end of the turn. Raise the error of `refuse` if the connection is closed."""
        if not self.is_open:
            self.refuse()
        self.pending.append((target, monotonic(), note))
        if not self.out:
            self.schedule_flush()
        self.out.append(command)

    def data_received(self, data: bytes) -> None:
        """Handle bytes from Redis."""
        self.reader.feed(data)
        if not self.has_unread:
            self.read_some()

    def read_some(self) -> None:
        """Handle replies and pushes in order, one slice per turn, because one read may bring thousands of replies.

        A reply takes little time here, but wakes a task that takes 20 to 100 µs in the next turn. So a slice is limited
        in time and in its number of replies.
        """
        self.has_unread = False
        ends = monotonic() + SLICE_SECONDS
        waiting = len(self.pending)
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
                self.handle_other_reply(reply)
            else:
                self.answer(reply)
            if monotonic() > ends or waiting - len(self.pending) >= SLICE_REPLIES:
                self.has_unread = True
                self.read_later()
                return

    def answer(self, reply: Any) -> None:
        """Give the reply to the receiver of the oldest command."""
        target = self.pending.popleft()[0]
        if isinstance(target, Future):
            if not target.done():
                target.set_result(reply)
            return
        try:
            target(reply)
        except Exception as error:
            self.report_error(error)


prefer_compiled(__name__)
