"""Attack a running cluster, whose folder ROOMCAST_ATTACKED names, instead of a cluster that the suite starts."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any, Final

import psutil

from deploy.cluster import Cluster
from tests import gateways
from tests.attack.bad_inputs.targets import SETTINGS
from tests.gateways import Gateway

VARIABLE: Final = "ROOMCAST_ATTACKED"
WAYS: Final = ("direct", "nginx")


@cache
def running_cluster() -> Cluster | None:
    """Return the running cluster to attack; None without the variable. Tokens are then signed with its secret.

    Raises NotRunning, or ValueError for a cluster with other bounds than SETTINGS.
    """
    if not (folder := os.environ.get(VARIABLE)):
        return None
    cluster = Cluster.attach(Path(folder).resolve())
    environment = psutil.Process(cluster.pids()["gateway1"]).environ()
    if any(environment.get(name) != value for name, value in SETTINGS.items()):
        wanted = " ".join(f"{name}={value}" for name, value in SETTINGS.items())
        raise ValueError(f"start the cluster with the bounds that the suite expects: {wanted} make run")
    gateways.SECRET = cluster.jwt_secret
    return cluster


def running_gateways(cluster: Cluster, way: str) -> list[Gateway]:
    """Return gateway 1 alone, reached directly; or all gateways, the first one reached through nginx."""
    pids = cluster.pids()
    numbers = [int(name.removeprefix("gateway")) for name in pids if name.startswith("gateway")]
    found = []
    for number in sorted(numbers) if way == "nginx" else [1]:
        port = cluster.ports.page if way == "nginx" else cluster.ports.gateway(number)
        process: Any = psutil.Process(pids[f"gateway{number}"])
        log = cluster.state / "logs" / f"gateway{number}.log"
        found.append(Gateway(str(number), port, cluster.ports.gateway_metrics(number), process, log))
    return found
