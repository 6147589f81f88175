"""A real object storage on a free loopback port: ministack, which enforces signatures and POST policies."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from deploy.s3 import server as s3_server
from tests import servers

ACCESS_KEY = "roomcast-test"
SECRET_KEY = "roomcast-test-secret"


class S3(NamedTuple):
    """A running storage: its port, its process (for tests that stop it), and the folder of its files."""

    port: int
    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def holds(self, bucket: str, key: str) -> bool:
        """Return whether there is an object under this key."""
        return any((account / bucket / key).is_file() for account in (self.folder / "objects").iterdir())


@contextmanager
def s3_server_on(folder: Path, port: int | None = None) -> Iterator[S3]:
    """Run a storage that keeps its files in `folder`; it ends with the context."""
    s3_server.ensure()
    port = port or servers.free_port()
    arguments, environment = s3_server.command(port, folder, ACCESS_KEY, SECRET_KEY)
    with (folder / "s3.log").open("ab") as log:
        process = subprocess.Popen(arguments, env=environment, stdout=log, stderr=log)
    try:
        servers.wait_until(lambda: servers.is_listening(port), f"object storage on port {port}")
        yield S3(port, process, folder)
    finally:
        servers.stop(process)
