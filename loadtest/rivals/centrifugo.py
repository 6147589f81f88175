"""Centrifugo with its Redis engine: tokens checked, publishes acked, history and recovery on."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadtest.bench.processes import Processes, find_tool, free_ports
from loadtest.peers.interface import Running, install_once, plain_environment, render, run

CONFIG: Final = Path(__file__).resolve().parent / "programs" / "centrifugo.json"
VERSION: Final = "v6.9.1"


@dataclass
class Centrifugo:
    """Centrifugo, built with Go, which checks the module's checksums; `programs/centrifugo.json` configures it."""

    name: str = "centrifugo"
    title: str = f"Centrifugo {VERSION.removeprefix('v')} (Go) + Redis, history and recovery"
    label: str = "Centrifugo"
    dialect: str = "centrifugo"
    leaves_out: str = (
        "its own protocol instead of Socket.IO; messages are numbered, kept and acked, tokens checked; "
        "no presence, no check of what is published, no duplicate detection for clients, no limit on a client's rate"
    )
    is_rival: bool = True
    keeps_history: bool = True
    _folder: Path = Path()

    def install(self, folder: Path) -> None:
        self._folder = folder / "centrifugo"
        install_once(self._folder, CONFIG, self._install, VERSION)

    def start(self, processes: Processes, redis_port: int, count: int) -> Running:
        secret = secrets.token_hex(32)
        ports = free_ports(count)
        pids = []
        for port in ports:
            values = {"port": port, "redis_port": redis_port, "secret": secret}
            config = render(CONFIG, processes.folder / f"centrifugo-{port}.json", **values)
            command = [str(self._folder / "centrifugo"), "--config", str(config)]
            pids.append(processes.start(f"centrifugo-{port}", command, port, plain_environment()))
        return Running(ports, pids, secret)

    def _install(self) -> None:
        module = f"github.com/centrifugal/centrifugo/v6@{VERSION}"
        run(["env", f"GOBIN={self._folder}", "GOFLAGS=-mod=mod", find_tool("go"), "install", module], self._folder)
