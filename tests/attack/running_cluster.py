"""The running cluster to attack, if ROOMCAST_ATTACKED names its folder. Otherwise the suite starts a cluster."""

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
ROUTES: Final = ("direct", "nginx")


@cache
def running_cluster() -> Cluster | None:
    """Return the running cluster, or None without the variable. Make the tests sign tokens with the cluster's secret.

    Raises NotRunning if the cluster does not run, and ValueError if its bounds differ from SETTINGS.
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


def running_gateways(cluster: Cluster, route: str) -> list[Gateway]:
    """Return gateway 1 with its own port (`direct`), or all gateways with nginx's port (`nginx`)."""
    pids = cluster.pids()
    numbers = [int(name.removeprefix("gateway")) for name in pids if name.startswith("gateway")]
    found = []
    for number in sorted(numbers) if route == "nginx" else [1]:
        port = cluster.ports.page if route == "nginx" else cluster.ports.gateway(number)
        process: Any = psutil.Process(pids[f"gateway{number}"])
        log = cluster.state / "logs" / f"gateway{number}.log"
        found.append(Gateway(str(number), port, cluster.ports.gateway_metrics(number), process, log))
    return found
