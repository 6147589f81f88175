"""Read the exit codes of supervised processes from the events of the supervisor (circus)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import zmq


class Exits:
    """A subscriber of the events `watcher.<name>.reap`. It receives the exits that follow its creation."""

    def __init__(self, state: Path) -> None:
        self._socket: Any = zmq.Context.instance().socket(zmq.SUB)
        self._socket.setsockopt_string(zmq.SUBSCRIBE, "watcher.")
        self._socket.connect(f"ipc://{state}/run/events.sock")
        self._codes: dict[int, int] = {}

    async def code(self, pid: int, seconds: float) -> int | None:
        """Return the exit code of a process (negative: a signal ended it); None when no event arrives in time."""
        deadline = asyncio.get_running_loop().time() + seconds
        while pid not in self._codes and asyncio.get_running_loop().time() < deadline:
            while self._socket.poll(0):
                topic, body = self._socket.recv_multipart()
                if topic.endswith(b".reap"):
                    told = json.loads(body)
                    self._codes[int(told["process_pid"])] = int(told["exit_code"])
            await asyncio.sleep(0.05)
        return self._codes.get(pid)

    def close(self) -> None:
        self._socket.close(0)
