"""Check whether a process is ready, with the probes that an orchestrator would use."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

import redis

from deploy.credentials import Credentials
from deploy.layout import HOST
from deploy.processes import Process

PROBE_SECONDS: Final = 1.0
POLL_SECONDS: Final = 0.05


def is_listening(port: int) -> bool:
    """Tell whether a server accepts connections on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(PROBE_SECONDS)
        return probe.connect_ex((HOST, port)) == 0


def http_status(port: int, path: str) -> int:
    """Return the status of a GET; 0 when no answer comes in time."""
    connection = http.client.HTTPConnection(HOST, port, timeout=PROBE_SECONDS)
    with suppress(OSError, http.client.HTTPException):
        connection.request("GET", path)
        return connection.getresponse().status
    return 0


def redis_answers(url: str) -> bool:
    """Tell whether Redis has loaded its data and answers."""
    client = redis.Redis.from_url(url, socket_timeout=PROBE_SECONDS, socket_connect_timeout=PROBE_SECONDS)
    with client, suppress(redis.RedisError):
        return bool(client.ping())
    return False


def is_ready(process: Process, credentials: Credentials) -> bool:
    """Tell whether a process passes its readiness probe."""
    check = process.ready
    if check.how == "redis":
        return redis_answers(credentials.redis_url("admin", check.port))
    if check.how == "port":
        return is_listening(check.port)
    return http_status(check.port, check.path) == 200


def first_unready(
    processes: Iterable[Process],
    credentials: Credentials,
    seconds: float,
    give_up: Callable[[], bool] = lambda: False,
) -> Process | None:
    """Wait until all processes are ready. Return an unready process after `seconds`, or once `give_up()` is true."""
    deadline = time.monotonic() + seconds
    for process in processes:
        while not is_ready(process, credentials):
            if time.monotonic() > deadline or give_up():
                return process
            time.sleep(POLL_SECONDS)
    return None
