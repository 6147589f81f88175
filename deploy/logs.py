"""Write the output of each process into a rotating log file, and read the logs."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO, Final

FILE_BYTES: Final = 8_000_000
COPIES: Final = 3


class RotatingLog:
    """A rotating log file. Circus calls it with each piece of output. A full `name.log` becomes `name.log.1`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def __call__(self, piece: Mapping[str, Any]) -> None:
        """Append one piece of output, to a new file if the present one is full."""
        data: bytes = piece["data"]
        if self._file is None:
            self._file = self._path.open("ab")
        elif self._file.tell() + len(data) > FILE_BYTES:
            self._rotate()
        self._file.write(data)
        self._file.flush()

    def _rotate(self) -> None:
        self.close()
        names = [self._path, *(self._path.with_name(f"{self._path.name}.{n}") for n in range(1, COPIES + 1))]
        for older, newer in zip(reversed(names), reversed(names[:-1]), strict=False):
            if newer.exists():
                newer.replace(older)
        self._file = self._path.open("ab")

    def close(self) -> None:
        """Close the file; the next piece opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None


def last_words(path: Path, lines: int = 3) -> str:
    """Return the last lines of a log, joined into one line; empty when there is no log.

    Repeated lines count once: a process that the supervisor starts again and again prints the same reason each time.
    """
    with suppress(OSError):
        text = [line.strip() for line in path.read_text(errors="replace").strip().splitlines()]
        return " | ".join(line for line, _ in list(groupby(text))[-lines:])
    return ""


def follow(folder: Path, lines: int = 50) -> None:
    """Print the end of every log, then each new line, until Ctrl-C; raise FileNotFoundError when there is no log."""
    logs = sorted(folder.glob("*.log"))
    if not logs:
        raise FileNotFoundError(folder)
    with suppress(KeyboardInterrupt):
        subprocess.run(["tail", "-n", str(lines), "-F", *map(str, logs)], check=False)
