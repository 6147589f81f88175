"""socketioxide, Socket.IO in Rust, with its Redis adapter."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadtest.bench.processes import Processes, find_tool
from loadtest.peers.interface import Running, install_once, plain_environment, run, start_each

PROGRAM: Final = Path(__file__).resolve().parent / "programs" / "socketioxide"


@dataclass
class Socketioxide:
    """A small Rust server, built with optimisations from `Cargo.lock`; one thread per process, as for Node."""

    name: str = "socketioxide"
    title: str = "socketioxide 0.18.9 (Rust) + socketioxide-redis 0.4.4"
    label: str = "socketioxide"
    dialect: str = "socketio"
    leaves_out: str = "no log, no acks, no sign-in, no limits"
    is_rival: bool = True
    keeps_history: bool = False
    _folder: Path = Path()

    def install(self, folder: Path) -> None:
        self._folder = folder / "socketioxide"
        source = (PROGRAM / "src" / "main.rs").read_text() + (PROGRAM / "Cargo.toml").read_text()
        install_once(self._folder, PROGRAM / "Cargo.lock", self._install, source)

    def start(self, processes: Processes, redis_port: int, count: int) -> Running:
        program = str(self._folder / "release" / "socketioxide-rival")
        url = f"redis://127.0.0.1:{redis_port}"
        return start_each(processes, "socketioxide", count, lambda port: [program, str(port), url], plain_environment())

    def _install(self) -> None:
        manifest = str(PROGRAM / "Cargo.toml")
        command = [find_tool("cargo"), "build", "--quiet", "--release", "--locked", "--manifest-path", manifest]
        run([*command, "--target-dir", str(self._folder)], self._folder)
