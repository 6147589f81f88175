"""Socket.IO on Bun, with the engine for Bun and the Redis adapter."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadtest.bench.processes import BenchError, Processes, find_tool
from loadtest.peers.interface import Running, install_once, plain_environment, run, start_each

PROGRAMS: Final = Path(__file__).resolve().parent / "programs" / "bun"
_MACHINES: Final = {"x86_64": "x64", "aarch64": "aarch64"}


@dataclass
class Bun:
    """Bun, from packages pinned by `package-lock.json`; one of them contains Bun itself."""

    name: str = "bun"
    title: str = "Bun 1.4.5, socket.io 4.8.4, bun-engine 0.1.2 + redis-adapter 8.3.0"
    label: str = "Socket.IO on Bun"
    dialect: str = "socketio"
    leaves_out: str = "no log, no acks, no sign-in, no limits"
    is_rival: bool = True
    keeps_history: bool = False
    _folder: Path = Path()

    def install(self, folder: Path) -> None:
        self._folder = folder / "bun"
        install_once(self._folder, PROGRAMS / "package-lock.json", self._install)
        shutil.copy(PROGRAMS / "server.mjs", self._folder)

    def start(self, processes: Processes, redis_port: int, count: int) -> Running:
        bun, program = self._program(), str(self._folder / "server.mjs")
        url = f"redis://127.0.0.1:{redis_port}"
        return start_each(processes, "bun", count, lambda port: [bun, program, str(port), url], plain_environment())

    def _program(self) -> str:
        """Return the path of Bun's binary for this machine; raise BenchError when Bun has none."""
        machine = os.uname().machine
        program = (
            self._folder / "node_modules" / "@oven" / f"bun-linux-{_MACHINES.get(machine, machine)}" / "bin" / "bun"
        )
        if not program.exists():
            raise BenchError(f"the package bun has no program for {machine}")
        return str(program)

    def _install(self) -> None:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PROGRAMS / name, self._folder)
        # The packages' install scripts only link Bun into the shell's search path, and `_program` needs no link.
        run([find_tool("npm"), "ci", "--no-audit", "--no-fund", "--ignore-scripts"], self._folder)
        self._program()
