"""List every process of a cluster: its command, environment, ports and readiness probe. Pure.

The supervisor, the status table and the tests all read this list.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from deploy import nginx_config
from deploy.credentials import Credentials
from deploy.layout import HOST, MAX_APIS, MAX_SIGNERS, MAX_SWEEPERS, Counts, Paths, Ports

APPLICATION_ORIGINS: Final = ("http://localhost:3000", "http://localhost:5173")
"""The origins of applications that `next dev` and `vite` serve, by default."""
Kind = Literal["redis", "s3", "nginx", "gateway", "sweeper", "signer", "api"]

START_ORDER: Final[tuple[tuple[Kind, ...], ...]] = (("redis", "s3"), ("gateway", "sweeper", "signer", "api", "nginx"))
"""The stages of a start. Each stage starts when the processes of the previous stage are ready."""

STOP_ORDER: Final[tuple[tuple[Kind, ...], ...]] = (
    ("gateway", "api"),
    ("sweeper", "signer"),
    ("nginx", "s3"),
    ("redis",),
)
"""The stages of a stop. Gateways drain first, while the processes that they need still run; Redis stops last."""

DRAIN_SECONDS: Final = 15.0
STOP_SECONDS: Final = 10.0
REDIS_STOP_SECONDS: Final = 30.0

_INHERITED: Final = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SSL_CERT_FILE")
_INHERITED_PREFIXES: Final = ("ROOMCAST_", "COVERAGE_PROCESS_")


@dataclass(frozen=True, slots=True)
class Ready:
    """The readiness probe of a process: an HTTP path that answers 200, a Redis PING, or an open port."""

    how: Literal["http", "redis", "port"]
    port: int
    path: str = "/"


@dataclass(frozen=True, slots=True)
class Process:
    """One process. `starts`: whether it starts with the cluster; other processes start when the cluster is scaled."""

    name: str
    kind: Kind
    number: int
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    port: int
    ready: Ready
    stop_seconds: float
    starts: bool


@dataclass(frozen=True, slots=True)
class Programs:
    """The commands of third-party servers: redis-server, nginx with its prefix options, the object storage."""

    redis: str
    nginx: tuple[str, ...]
    s3: tuple[str, ...]
    s3_env: Mapping[str, str] = field(repr=False)


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a process inherits from the shell: the basics, ROOMCAST_… and COVERAGE_PROCESS_… .

    Other variables are removed: the user's proxy or AWS profile must not change the servers that a cluster connects to.
    """
    return {
        name: value for name, value in environment.items() if name in _INHERITED or name.startswith(_INHERITED_PREFIXES)
    } | {"PYTHONUNBUFFERED": "1"}


class Plan:
    """All processes of one cluster."""

    def __init__(
        self,
        ports: Ports,
        paths: Paths,
        credentials: Credentials,
        programs: Programs,
        counts: Counts,
        environment: Mapping[str, str],
    ) -> None:
        self._ports = ports
        self._credentials = credentials
        self._base = inherited(environment)
        gateways = [self._gateway(number, counts.gateways) for number in range(1, counts.capacity + 1)]
        sweepers = [self._sweeper(number, counts.sweepers) for number in range(1, MAX_SWEEPERS + 1)]
        signers = [self._signer(number, counts.signers) for number in range(1, MAX_SIGNERS + 1)]
        apis = [self._api(number, counts.apis) for number in range(1, MAX_APIS + 1)]
        servers = [self._redis(paths, programs), self._s3(programs), self._nginx(programs)]
        self.processes: tuple[Process, ...] = (*servers, *gateways, *sweepers, *signers, *apis)

    def _redis(self, paths: Paths, programs: Programs) -> Process:
        port = self._ports.redis
        argv = (programs.redis, str(paths.redis_config))
        return Process("redis", "redis", 1, argv, self._base, port, Ready("redis", port), REDIS_STOP_SECONDS, True)

    def _s3(self, programs: Programs) -> Process:
        port = self._ports.s3
        return Process("s3", "s3", 1, programs.s3, programs.s3_env, port, Ready("port", port), STOP_SECONDS, True)

    def _nginx(self, programs: Programs) -> Process:
        port = self._ports.page
        return Process("nginx", "nginx", 1, programs.nginx, self._base, port, Ready("http", port), STOP_SECONDS, True)

    def _gateway(self, number: int, started: int) -> Process:
        port, metrics = self._ports.gateway(number), self._ports.gateway_metrics(number)
        env = self._own("gateway", metrics) | {
            "ROOMCAST_HOST": HOST,
            "ROOMCAST_METRICS_HOST": HOST,
            "ROOMCAST_PORT": str(port),
            "ROOMCAST_NODE": str(number),
            "ROOMCAST_JWT_SECRET": self._credentials.jwt_secret,
            "ROOMCAST_CLUSTER_KEY": self._credentials.cluster_key,
            "ROOMCAST_ALLOWED_ORIGINS": self._origins(),
            "ROOMCAST_DEV_LOGIN": "1",
        }
        ready = Ready("http", metrics, "/readyz")
        return self._python("gateway", "gateway", number, env, port, ready, DRAIN_SECONDS, number <= started)

    def _sweeper(self, number: int, started: int) -> Process:
        port = self._ports.sweeper_metrics(number)
        env = self._own("presence", port)
        ready = Ready("http", port, "/readyz")
        return self._python("presence", "sweeper", number, env, port, ready, STOP_SECONDS, number <= started)

    def _signer(self, number: int, started: int) -> Process:
        port = self._ports.signer_metrics(number)
        env = self._own("media", port) | {
            "ROOMCAST_CLUSTER_KEY": self._credentials.cluster_key,
            "ROOMCAST_S3_ENDPOINT": f"http://{HOST}:{self._ports.s3}",
            "ROOMCAST_S3_PUBLIC_ENDPOINT": f"http://localhost:{self._ports.page}",
            "ROOMCAST_S3_BUCKET": nginx_config.S3_BUCKET,
            "ROOMCAST_S3_SETUP": "1",
            "ROOMCAST_ALLOWED_ORIGINS": self._origins(),
            "AWS_ACCESS_KEY_ID": self._credentials.s3_access_key,
            "AWS_SECRET_ACCESS_KEY": self._credentials.s3_secret_key,
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        ready = Ready("http", port, "/readyz")
        return self._python("media", "signer", number, env, port, ready, STOP_SECONDS, number <= started)

    def _api(self, number: int, started: int) -> Process:
        port, metrics = self._ports.api(number), self._ports.api_metrics(number)
        env = self._own("api", metrics) | {
            "ROOMCAST_HOST": HOST,
            "ROOMCAST_METRICS_HOST": HOST,
            "ROOMCAST_PORT": str(port),
            "ROOMCAST_JWT_SECRET": self._credentials.jwt_secret,
            "ROOMCAST_CLUSTER_KEY": self._credentials.cluster_key,
        }
        ready = Ready("http", metrics, "/readyz")
        return self._python("api", "api", number, env, port, ready, STOP_SECONDS, number <= started)

    def _origins(self) -> str:
        """Return the origins of the page, of applications under development, and in ROOMCAST_ALLOWED_ORIGINS."""
        added = [origin.strip() for origin in self._base.get("ROOMCAST_ALLOWED_ORIGINS", "").split(",")]
        return ",".join([*origins(self._ports), *APPLICATION_ORIGINS, *filter(None, added)])

    def _own(self, account: str, metrics_port: int) -> dict[str, str]:
        return self._base | {
            "ROOMCAST_REDIS_URL": self._credentials.redis_url(account, self._ports.redis),
            "ROOMCAST_METRICS_PORT": str(metrics_port),
        }

    def _python(
        self,
        module: str,
        kind: Kind,
        number: int,
        env: Mapping[str, str],
        port: int,
        ready: Ready,
        stop: float,
        starts: bool,
    ) -> Process:
        argv = (sys.executable, "-m", f"roomcast.{module}")
        return Process(f"{kind}{number}", kind, number, argv, env, port, ready, stop, starts)


def origins(ports: Ports) -> tuple[str, str]:
    """Return the origins under which a browser may have opened the page."""
    return (f"http://localhost:{ports.page}", f"http://{HOST}:{ports.page}")


def nginx_command(binary: str, paths: Paths, worker_user: str | None) -> tuple[str, ...]:
    """Return nginx's command line: in the foreground, with the public folder as prefix. See `prepare.worker_user`."""
    directives = "daemon off;" + (f" user {worker_user};" if worker_user else "")
    prefix = f"{paths.public}/"
    return (binary, "-p", prefix, "-c", str(paths.nginx_config), "-e", "stderr", "-g", directives)


def log_file(logs: Path, name: str) -> Path:
    """Return the path of a process's log."""
    return logs / f"{name}.log"
