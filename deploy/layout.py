"""Define a cluster's ports (from its page's port), its folders and files, and the number of its processes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
MACHINE_STATE: Final = ROOT / ".state"
"""The folder that all clusters of this checkout share: unpacked tools, the object storage's virtual environment, and
fingerprints of builds. It is also the default state folder of a cluster."""

HOST: Final = "127.0.0.1"
GATEWAY_CAPACITY: Final = 16
"""The number of gateways to which a local cluster can be scaled, unless it was started with another capacity."""

MAX_GATEWAYS: Final = 99
"""The largest capacity of a local cluster: the gateways' ports are in a range of a hundred."""

MAX_SWEEPERS: Final = 4
MAX_SIGNERS: Final = 4
MAX_APIS: Final = 4
HIGHEST_BASE: Final = 65_535 - 350
"""The highest port for the page. The highest port of a cluster, the metrics of API process 4, is 350 above it."""


@dataclass(frozen=True, slots=True)
class Ports:
    """All ports of a cluster, derived from the page's port. Raises ValueError if that is not 1 to HIGHEST_BASE."""

    page: int

    def __post_init__(self) -> None:
        if not 1 <= self.page <= HIGHEST_BASE:
            raise ValueError(
                f"the page's port must be from 1 to {HIGHEST_BASE}: a cluster takes ports up to 350 above it"
            )

    def gateway(self, number: int) -> int:
        """Return the port of a gateway's socket."""
        return self.page + 100 + number

    def gateway_metrics(self, number: int) -> int:
        """Return the port of a gateway's health and metrics."""
        return self.page + 200 + number

    def sweeper_metrics(self, number: int) -> int:
        """Return the port of a presence sweeper's health and metrics."""
        return self.page + 300 + number

    def signer_metrics(self, number: int) -> int:
        """Return the port of a media signer's health and metrics."""
        return self.page + 320 + number

    def api(self, number: int) -> int:
        """Return the port of an HTTP API process."""
        return self.page + 342 + number

    def api_metrics(self, number: int) -> int:
        """Return the port of an HTTP API process's health and metrics."""
        return self.page + 346 + number

    @property
    def redis(self) -> int:
        """The port of Redis."""
        return self.page + 341

    @property
    def s3(self) -> int:
        """The port of the object storage."""
        return self.page + 342


@dataclass(frozen=True, slots=True)
class Counts:
    """The number of processes of each scalable kind at the start. Raises ValueError for a number that is out of range.

    `capacity`: the largest number of gateways for which nginx is configured; a running cluster can be scaled up to it.
    """

    gateways: int = 2
    sweepers: int = 1
    signers: int = 1
    apis: int = 0
    capacity: int = GATEWAY_CAPACITY

    def __post_init__(self) -> None:
        for name, value, most in (
            ("the capacity", self.capacity, MAX_GATEWAYS),
            ("gateways", self.gateways, self.capacity),
            ("sweepers", self.sweepers, MAX_SWEEPERS),
            ("signers", self.signers, MAX_SIGNERS),
            ("apis", self.apis, MAX_APIS),
        ):
            if not 0 <= value <= most:
                raise ValueError(f"{name} must be from 0 to {most}")


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders and files of one cluster, below two folders.

    `state`: all that survives a restart, and `run`. `public`: the built page, and nginx's pid file and temporary files;
    made at each start, see `deploy.prepare.public_folder`. nginx's workers may run as another user, who must be able to
    read `public`.
    """

    state: Path
    public: Path

    @property
    def run(self) -> Path:
        """The folder of rendered configurations, locks and sockets. Every start writes them anew."""
        return self.state / "run"

    @property
    def logs(self) -> Path:
        """The folder of the processes' log files."""
        return self.state / "logs"

    @property
    def secrets(self) -> Path:
        """The credentials, readable by their owner only."""
        return self.state / "secrets"

    @property
    def redis_data(self) -> Path:
        """The data of Redis."""
        return self.state / "redis"

    @property
    def s3_data(self) -> Path:
        """The data of the object storage."""
        return self.state / "s3"

    @property
    def redis_config(self) -> Path:
        """The rendered redis.conf."""
        return self.run / "redis.conf"

    @property
    def redis_acl(self) -> Path:
        """The accounts of Redis."""
        return self.run / "users.acl"

    @property
    def nginx_config(self) -> Path:
        """The rendered nginx.conf."""
        return self.run / "nginx.conf"
