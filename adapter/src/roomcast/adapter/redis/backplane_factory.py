"""Choose the backplane for a Redis URL."""

from __future__ import annotations

from roomcast.adapter.redis.backplane import Backplane
from roomcast.adapter.redis.cluster_backplane import ClusterBackplane
from roomcast.wire.lua import ScriptLibrary
from roomcast.wire.redis_tls import make_context
from roomcast.wire.redis_url import parse
from roomcast.wire.seals import UNSEALED, Seals


def make_backplane(
    url: str,
    *,
    name: str,
    timeout_seconds: float = 1.0,
    replicas: int = 0,
    scripts: ScriptLibrary | None = None,
    seals: Seals = UNSEALED,
) -> Backplane:
    """Return the backplane for a URL that `roomcast.wire.redis_url` can parse. Raise ValueError for other URLs.

    `name` names the connections in CLIENT LIST. `replicas`: the number of replicas that must have received the write
    of a durable script (see `ScriptLibrary`) before the caller gets the reply (WAIT). `seals` seals the messages that
    `publish` sends.
    """
    target = parse(url)
    make_context(target)  # raises ValueError now for a certificate file that cannot be read
    kind = ClusterBackplane if target.mode == "cluster" else Backplane
    return kind(target, name=name, timeout_seconds=timeout_seconds, replicas=replicas, scripts=scripts, seals=seals)
