"""Extract Python programs from a README, and run them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.servers import base_environment, is_listening, stop, wait_until


def filled(readme: Path, beginning: str, changes: dict[str, str]) -> str:
    """Return the README's Python block that contains `beginning`. `changes`: documented value -> the test's value."""
    (text,) = [
        block for block in re.findall(r"```python\n(.*?)```", readme.read_text(), re.DOTALL) if beginning in block
    ]
    for documented, real in changes.items():
        assert documented in text, f"{readme.name} does not name {documented}"
        text = text.replace(documented, real)
    return str(text)


@contextmanager
def started(folder: Path, port: int, *command: str, variables: Mapping[str, str] | None = None) -> Iterator[Path]:
    """Run a Python command in `folder` with these variables until it listens on `port`; yield its log."""
    log = folder / f"{port}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env=base_environment() | dict(variables or {}),
            stdout=file,
            stderr=file,
        )
    try:
        wait_until(lambda: is_listening(port), f"{command} on port {port}", 30)
        yield log
    finally:
        stop(process)
