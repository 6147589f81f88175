"""Make a cluster's folders, secrets and configurations, and report what prevents its start."""

from __future__ import annotations

import fcntl
import grp
import os
import pwd
import resource
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TextIO

from deploy import credentials, free_ports, nginx_config, redis_config, tools
from deploy.layout import GATEWAY_CAPACITY, MACHINE_STATE, MAX_APIS, MAX_SIGNERS, MAX_SWEEPERS, Counts, Paths, Ports
from deploy.processes import Plan, Programs, nginx_command
from deploy.s3 import server as s3_server

_PUBLIC_PREFIX: Final = "roomcast-page-"
_OWNER: Final = ".owner"
_PID_FILE: Final = "supervisor.pid"


class CannotStart(RuntimeError):
    """The cluster cannot start; the text is one line that says why and what to do."""


@contextmanager
def claimed(state: Path) -> Iterator[None]:
    """Claim the state folder until the end of the context; raise CannotStart when another process has it."""
    (state / "run").mkdir(mode=0o700, parents=True, exist_ok=True)
    with (state / _PID_FILE).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotStart(
                f"a cluster of this folder runs already (process {supervisor_pid(state)}): make stop"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def supervisor_pid(state: Path) -> int | None:
    """Return the id of the process that runs the cluster of `state`; None when none does."""
    try:
        with (state / _PID_FILE).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return int(file.read() or 0) or None
    except FileNotFoundError:
        pass
    return None


def check_ports(ports: Ports, capacity: int = GATEWAY_CAPACITY) -> None:
    """Raise CannotStart when one of the cluster's ports is taken.

    The check includes the ports of gateways that do not start yet, because nginx sends sessions to any server there.
    """
    wanted = {ports.page: "the page", ports.redis: "Redis", ports.s3: "the object storage"}
    wanted |= {ports.gateway(n): f"gateway {n}" for n in range(1, capacity + 1)}
    wanted |= {ports.gateway_metrics(n): f"gateway {n}'s metrics" for n in range(1, capacity + 1)}
    wanted |= {ports.sweeper_metrics(n): f"sweeper {n}'s metrics" for n in range(1, MAX_SWEEPERS + 1)}
    wanted |= {ports.signer_metrics(n): f"signer {n}'s metrics" for n in range(1, MAX_SIGNERS + 1)}
    wanted |= {ports.api(n): f"API {n}" for n in range(1, MAX_APIS + 1)}
    wanted |= {ports.api_metrics(n): f"API {n}'s metrics" for n in range(1, MAX_APIS + 1)}
    for port, what in wanted.items():
        if not free_ports.is_free(port):
            raise CannotStart(
                f"port {port} ({what}) is taken by another program: stop it, or choose another base: make run PORT=9080"
            )


@contextmanager
def public_folder(state: Path) -> Iterator[Path]:
    """Make a folder that nginx's workers can read, and remove it at the end.

    When nginx starts as root, its workers run as another user. This user cannot read a checkout in a home of mode 0700,
    so the folder is then in the temporary directory. A start also removes the folders of crashed starts: those that no
    process has locked.
    """
    outside = Path(tempfile.gettempdir())
    for left in (*outside.glob(f"{_PUBLIC_PREFIX}*"), state / "run" / "public"):
        _remove_abandoned(left)
    folder, lock = _make_locked(state, outside)
    with lock:
        try:
            folder.chmod(0o755)
            (folder / "run").mkdir(mode=0o755)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _make_locked(state: Path, outside: Path) -> tuple[Path, TextIO]:
    """Make the folder and its locked file.

    Before the file is locked, another start may remove the new folder as abandoned. Then make another folder.
    """
    while True:
        if os.geteuid() == 0:
            folder = Path(tempfile.mkdtemp(prefix=_PUBLIC_PREFIX, dir=outside))
        else:
            folder = state / "run" / "public"
            folder.mkdir()
        with suppress(FileNotFoundError):
            lock = (folder / _OWNER).open("w")
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (folder / _OWNER).exists():
                return folder, lock
            lock.close()


def _remove_abandoned(folder: Path) -> None:
    with suppress(OSError), (folder / _OWNER).open() as lock:
        if folder.stat().st_uid == os.geteuid():
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


def publish_page(page: Path, public: Path) -> None:
    """Copy the built page into the folder that nginx serves, readable by all users."""
    target = public / "page"
    shutil.copytree(page, target)
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def worker_user() -> str | None:
    """Return user and group for nginx's workers if this process is root; else None: they run as the present user."""
    if os.geteuid() != 0:
        return None
    for user in ("www-data", "nobody"):
        with suppress(KeyError):
            return f"{user} {grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name}"
    return None


def plan(state: Path, public: Path, ports: Ports, counts: Counts) -> tuple[Plan, Paths, credentials.Credentials]:
    """Write secrets and configurations of the cluster in `state`; return its processes, folders and credentials."""
    paths = Paths(state=state, public=public)
    for folder in (paths.run, paths.logs, paths.redis_data, paths.s3_data):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    secrets = credentials.load_or_make(paths.secrets)
    paths.redis_config.write_text(redis_config.config(ports.redis, paths.redis_data, paths.redis_acl))
    paths.redis_acl.touch(mode=0o600)
    paths.redis_acl.write_text(redis_config.acl(secrets.redis))
    paths.nginx_config.write_text(nginx_config.render(_nginx_values(ports, counts.capacity)))
    argv, env = s3_server.command(
        ports.s3, paths.s3_data, secrets.s3_access_key, secrets.s3_secret_key, state=MACHINE_STATE
    )
    nginx = nginx_command(str(tools.require("nginx")), paths, worker_user())
    programs = Programs(str(tools.require("redis-server")), nginx, tuple(argv), env)
    return Plan(ports, paths, secrets, programs, counts, os.environ), paths, secrets


def _nginx_values(ports: Ports, capacity: int) -> dict[str, str]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = nginx_config.MAX_CONNECTIONS if hard == resource.RLIM_INFINITY else hard
    upload_bytes = int(os.environ.get("ROOMCAST_UPLOAD_BYTES") or nginx_config.UPLOAD_BYTES)
    fronts = [name.strip() for name in os.environ.get("FRONT_PROXIES", "").split(",") if name.strip()]
    return nginx_config.local_values(
        ports,
        capacity=capacity,
        cpus=os.cpu_count() or 1,
        open_files=files,
        upload_bytes=upload_bytes,
        fronts=fronts,
        has_api_route=os.environ.get("API_ROUTE") == "1",
    )
