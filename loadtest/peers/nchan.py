"""nchan from Debian: pub/sub in C inside nginx, channels shared through Redis."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deploy import tools
from loadtest.bench import procfs
from loadtest.bench.processes import BenchError, Processes, find_tool, free_ports
from loadtest.peers.interface import PROGRAMS, Running, install_once, render

_PACKAGE = "libnginx-mod-nchan=1:1.3.6+dfsg-2"
_MOUNT = "mount -t tmpfs tmpfs /var/lib && mkdir /var/lib/nginx"
_WITH_A_STATE_FOLDER = ("unshare", "--map-root-user", "--mount", "sh", "-c", _MOUNT + ' && exec "$@"', "sh")
"""Prefix of nginx's command: mount an empty /var/lib/nginx for that process only. nchan needs this folder of Debian's
nginx whatever the configuration says, and an unpacked nginx has none. `exec` keeps the process id."""
_MODULE = "tools/root/usr/lib/nginx/modules/ngx_nchan_module.so"


@dataclass
class Nchan:
    """nchan: its module is unpacked under the bench folder and loaded into the system's nginx, which is not changed."""

    name: str = "nchan"
    title: str = "nchan 1.3.6 in nginx (C) + Redis"
    label: str = "nchan"
    dialect: str = "nchan"
    leaves_out: str = "raw texts instead of Socket.IO; no log, no acks, no sign-in, no limits"
    is_rival: bool = False
    keeps_history: bool = False
    _folder: Path = Path()

    def install(self, folder: Path) -> None:
        self._folder = folder / "nchan"
        install_once(self._folder, PROGRAMS / "nchan.conf", self._install)

    def start(self, processes: Processes, redis_port: int, count: int) -> Running:
        ports = free_ports(count)
        masters = [self._start_one(processes, port, redis_port) for port in ports]
        return Running(
            ports, masters + [worker for master in masters for worker in procfs.wait_for_children(master, 1)]
        )

    def _start_one(self, processes: Processes, port: int, redis_port: int) -> int:
        values = {"module": self._folder / _MODULE, "folder": processes.folder, "port": port, "redis_port": redis_port}
        config = render(PROGRAMS / "nchan.conf", processes.folder / f"nchan-{port}.conf", **values)
        nginx = [find_tool("nginx"), "-c", str(config), "-p", str(processes.folder)]
        return processes.start(f"nchan-{port}", [*_WITH_A_STATE_FOLDER, *nginx], port)

    def _install(self) -> None:
        try:
            tools.unpack([_PACKAGE], self._folder)
        except tools.MissingTool as error:
            raise BenchError(str(error)) from None
