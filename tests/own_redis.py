"""A Redis server for one test, which the test can pause, kill and restart."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from tests import servers


class OwnRedis:
    """A Redis with its data on disk that a test can pause, kill and restart."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = servers.free_port()
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        options = ["--save", "", "--appendonly", "yes", "--appendfsync", "always", "--dir", str(self.folder)]
        with (self.folder / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(
                [servers.find_tool("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1", *options],
                stdout=log,
                stderr=log,
            )
        servers.wait_until(lambda: servers.is_listening(self.port), "redis")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)

    def forget(self) -> None:
        """Delete the data of the killed server: the next start is empty."""
        shutil.rmtree(self.folder / "appendonlydir")

    def end(self) -> None:
        self.resume_quietly()
        self.process.kill()
        self.process.wait()

    def resume_quietly(self) -> None:
        if self.process.poll() is None:
            self.resume()
