"""Make gateways refuse sessions: for want of file descriptors, and because they are overloaded."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import psutil

from loadtest.chaos.client_connection import open_wire
from loadtest.chaos.crowd import source_address
from loadtest.chaos.fault_tools import Rig
from roomcast.wire.tasks import TaskSet

_FOR_EVER: Final = 3600.0
_STRANGERS: Final = 20
"""Number of clients that try to connect to gateways without file descriptors, each once a second."""
_MANY_STRANGERS: Final = 2_000
"""Number of clients that try to connect to overloaded gateways. Two gateways admit 1,000 in PATIENCE_SECONDS."""


async def few_files(rig: Rig) -> None:
    async with _lowered_file_limit(rig, rig.gateways[0]):
        await asyncio.sleep(_FOR_EVER)


async def no_descriptors(rig: Rig) -> None:
    """Let clients connect to gateways that have no file descriptor left for them."""
    tasks = TaskSet()
    async with _lowered_file_limit(rig, *rig.gateways):
        for number in range(_STRANGERS):
            tasks.start(_knock(rig, number, 1.0), "client")
        try:
            await asyncio.sleep(_FOR_EVER)
        finally:
            await tasks.cancel()


async def overloaded(rig: Rig) -> None:
    """Let more clients connect than gateways with a fifth of a CPU core each can admit."""
    tasks, pids = TaskSet(), await rig.pids()
    for name in rig.gateways:
        tasks.start(_throttled(pids[name], 0.08, 0.02), "throttle")
    for number in range(_MANY_STRANGERS):
        tasks.start(_knock(rig, number, 0.1), "client")
    try:
        await asyncio.sleep(_FOR_EVER)
    finally:
        await tasks.cancel()


async def _throttled(pid: int, stopped: float, running: float) -> None:
    """Stop and continue a process again and again, in intervals as short as those of a container's CPU limit."""
    try:
        while True:
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(stopped)
            os.kill(pid, signal.SIGCONT)
            await asyncio.sleep(running)
    finally:
        os.kill(pid, signal.SIGCONT)


async def _knock(rig: Rig, number: int, pause: float) -> None:
    """Open a session, end it without signing in, and do it again after `pause` seconds. Ignore `Retry-After`."""
    while True:
        with suppress(OSError):
            wire = await open_wire("127.0.0.1", rig.cluster.ports.page, source_address(number * 10), _ignore)
            try:
                await wire.opened()
            finally:
                wire.abort("done")
        await asyncio.sleep(pause)


@asynccontextmanager
async def _lowered_file_limit(rig: Rig, *names: str) -> AsyncIterator[None]:
    """Lower the open-file limits of these gateways to just above the number that they use."""
    pids = await rig.pids()
    before = {pids[name]: resource.prlimit(pids[name], resource.RLIMIT_NOFILE) for name in names}
    for pid, (_, hard) in before.items():
        limit = int(psutil.Process(pid).num_fds() / 0.9)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, hard))
    try:
        yield
    finally:
        for pid, limits in before.items():
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)


def _ignore(_name: str, _payload: Any) -> None:
    """Ignore all events."""
