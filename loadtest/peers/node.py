"""Node.js: socket.io with the Redis adapter, plain or sharded."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from loadtest.bench.processes import Processes, find_tool
from loadtest.peers.interface import PROGRAMS, Running, install_once, run, start_each


@dataclass
class Node:
    """Node.js with the adapter that `kind` names. Packages are pinned by `package-lock.json`."""

    kind: Literal["plain", "sharded"]
    dialect: str = "socketio"
    leaves_out: str = "no log, no acks, no sign-in, no limits"
    is_rival: bool = True
    keeps_history: bool = False
    _folder: Path = Path()

    @property
    def name(self) -> str:
        return "node" if self.kind == "plain" else "node-sharded"

    @property
    def title(self) -> str:
        adapter = "redis-adapter 8.3.0" if self.kind == "plain" else "redis-adapter 8.3.0, sharded"
        return f"Node.js, socket.io 4.8.4 + {adapter}"

    @property
    def label(self) -> str:
        return "Node" if self.kind == "plain" else "Node, sharded"

    def install(self, folder: Path) -> None:
        self._folder = folder / "npm"
        install_once(self._folder, PROGRAMS / "package-lock.json", self._install)
        shutil.copy(PROGRAMS / "server.js", self._folder)

    def start(self, processes: Processes, redis_port: int, count: int) -> Running:
        node, program, url = find_tool("node"), str(self._folder / "server.js"), f"redis://127.0.0.1:{redis_port}"
        return start_each(processes, "node", count, lambda port: [node, program, str(port), url, self.kind])

    def _install(self) -> None:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PROGRAMS / name, self._folder)
        run([find_tool("npm"), "ci", "--no-audit", "--no-fund"], self._folder)
