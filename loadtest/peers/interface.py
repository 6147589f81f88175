"""The interface that every compared server implements, and helpers to install and start servers."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from loadtest.bench.processes import BenchError, Processes, free_ports

PROGRAMS = Path(__file__).resolve().parent
ROOT = PROGRAMS.parents[1]
INSTALL_SECONDS = 1800
"""Time limit in seconds of an installation: building a rival from its sources takes minutes on two cores."""


@dataclass(frozen=True)
class Running:
    """Started servers: their ports, all their process ids, and the data that a client needs to sign in."""

    ports: list[int]
    pids: list[int]
    secret: str = ""
    metrics_ports: list[int] = field(default_factory=list)


class Peer(Protocol):
    """A kind of server. `dialect` names its client protocol; `leaves_out` says which features of Roomcast it lacks.

    `label` is the title of its column, `title` adds versions. `is_rival`: it is an alternative to Roomcast; the report
    compares Roomcast with the best rival. `keeps_history`: the server keeps messages for members who missed them.
    """

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def dialect(self) -> str: ...
    @property
    def leaves_out(self) -> str: ...
    @property
    def is_rival(self) -> bool: ...
    @property
    def keeps_history(self) -> bool: ...

    def install(self, folder: Path) -> None:
        """Install the server under `folder`, unless it is there already. Raise BenchError if that fails."""

    def start(self, processes: Processes, redis_port: int, count: int) -> Running:
        """Start `count` processes that share rooms through the Redis on `redis_port`. Raise BenchError if one fails."""


def start_each(
    processes: Processes,
    name: str,
    count: int,
    command: Callable[[int], list[str]],
    environment: Mapping[str, str] | None = None,
) -> Running:
    """Start `count` servers, each with the command for its port. Raise BenchError if one does not start."""
    ports = free_ports(count)
    return Running(ports, [processes.start(f"{name}-{port}", command(port), port, environment) for port in ports])


def install_once(folder: Path, recipe: Path, steps: Callable[[], None], made_with: str = "") -> None:
    """Run `steps`, unless they have run in `folder` for the same content of `recipe` and the same `made_with`."""
    mark = folder / ".installed"
    wanted = hashlib.sha256(recipe.read_bytes() + made_with.encode()).hexdigest()
    if mark.exists() and mark.read_text() == wanted:
        return
    folder.mkdir(parents=True, exist_ok=True)
    steps()
    mark.write_text(wanted)


def run(command: Sequence[str], folder: Path) -> None:
    """Run an installer quietly; raise BenchError with the last line of its output."""
    name = " ".join(command[:4])
    try:
        result = subprocess.run(
            command,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"{name}: not done after {INSTALL_SECONDS} s") from None
    if result.returncode != 0:
        lines = result.stdout.decode(errors="replace").strip().splitlines() or ["no output"]
        raise BenchError(f"{name}: {lines[-1]}")


def render(template: Path, target: Path, **values: object) -> Path:
    """Fill in the `${name}` placeholders of a configuration; nginx's own `$name` variables stay unchanged."""
    text = template.read_text()
    for name, value in values.items():
        text = text.replace("${" + name + "}", str(value))
    target.write_text(text)
    return target


def plain_environment(**extra: str) -> dict[str, str]:
    """Return the environment of a server program: search path and home only, plus `extra`."""
    return {"PATH": os.defpath + ":/usr/sbin:/usr/local/bin:/usr/local/sbin", "HOME": "/tmp", **extra}
