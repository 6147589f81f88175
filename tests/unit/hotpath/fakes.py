"""Fakes for the modules of the hot path: a transport, a flush queue and a command pipeline."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from roomcast.adapter.redis.command_pipeline import CommandPipeline
from roomcast.engineio.write_buffer import FlushQueue, WriteBuffer


class Transport:
    """A transport that records writes. `get_extra_info("socket")` returns `sock`."""

    def __init__(self, sock: socket.socket | None = None, *, tls: bool = False) -> None:
        self.written: list[bytes] = []
        self.closing = False
        self.on_write: Callable[[bytes], None] | None = None
        self._extra = {"socket": sock, "sslcontext": object() if tls else None}

    def write(self, data: bytes) -> None:
        self.written.append(bytes(data))
        if self.on_write is not None:
            self.on_write(data)

    def is_closing(self) -> bool:
        return self.closing

    def get_extra_info(self, name: str) -> Any:
        return self._extra[name]

    def get_write_buffer_size(self) -> int:
        return 0


def flush_queue() -> Any:
    """Return a `FlushQueue` that records its calls of `arm` and `send_slowly`."""

    class Queue(FlushQueue):
        def __init__(self) -> None:
            super().__init__()
            self.armed = 0
            self.slowly: list[tuple[list[Any], bytes]] = []

        def arm(self) -> None:
            self.armed += 1
            self.is_armed = True

        def send_slowly(self, buffers: list[Any], packet: bytes) -> None:
            self.slowly.append((buffers, packet))

    return Queue()


def write_buffer(credit: int = 1_000, transport: Any = None) -> Any:
    made = WriteBuffer(1_000)
    made.credit = credit
    made.transport = transport
    return made


def pipeline(on_push: Any = None) -> Any:
    """Return a `CommandPipeline` that records the calls of the methods that its subclasses implement."""

    class Pipeline(CommandPipeline):
        def __init__(self) -> None:
            super().__init__(on_push)
            self.is_open = True
            self.calls: list[Any] = []

        def refuse(self) -> None:
            raise ConnectionError("closed")

        def schedule_flush(self) -> None:
            self.calls.append("schedule_flush")

        def read_later(self) -> None:
            self.calls.append("later")

        def failed(self, error: Exception) -> None:
            self.calls.append(("failed", type(error).__name__))

        def handle_other_reply(self, reply: Any) -> None:
            self.calls.append(("odd", reply if not isinstance(reply, Exception) else str(reply)))
            if self.pending:
                self.pending.popleft()

        def report_error(self, error: Exception) -> None:
            self.calls.append(("report_error", str(error)))

    return Pipeline()
