"""Stock python-socketio: AsyncRedisManager on aiohttp, on asyncio's loop or on uvloop."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from loadtest.bench.processes import Processes
from loadtest.peers.interface import PROGRAMS, Running, install_once, run, start_each

_REQUIREMENTS = PROGRAMS / "requirements.txt"


@dataclass
class Stock:
    """Servers of stock python-socketio, in a virtual environment of their own, pinned by `requirements.txt`."""

    loop: Literal["asyncio", "uvloop"]
    dialect: str = "socketio"
    leaves_out: str = "no log, no acks, no sign-in, no limits"
    is_rival: bool = False
    keeps_history: bool = False
    _folder: Path = Path()

    @property
    def name(self) -> str:
        return "stock" if self.loop == "uvloop" else "stock-asyncio"

    @property
    def title(self) -> str:
        return f"python-socketio 5.18.1 + AsyncRedisManager, {self.loop}"

    @property
    def label(self) -> str:
        return f"python-socketio, {self.loop}"

    def install(self, folder: Path) -> None:
        self._folder = folder / "stock"
        install_once(self._folder, _REQUIREMENTS, self._install, sys.version)

    def start(self, processes: Processes, redis_port: int, count: int) -> Running:
        python, program = str(self._folder / "bin" / "python"), str(PROGRAMS / "stock_server.py")
        url = f"redis://127.0.0.1:{redis_port}"
        return start_each(processes, "stock", count, lambda port: [python, program, str(port), url, self.loop])

    def _install(self) -> None:
        run([sys.executable, "-m", "venv", "--clear", str(self._folder)], PROGRAMS)
        run([str(self._folder / "bin" / "python"), "-m", "pip", "install", "-q", "-r", str(_REQUIREMENTS)], PROGRAMS)
