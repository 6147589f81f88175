"""Claim the node number of this gateway before it serves.

The lease of an ended process with the same number must run out first, unless that process ran on this host. If another
process with the same number still runs, the claim fails.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final, Protocol

import structlog

from roomcast.contract.errors import RoomcastError
from roomcast.gateway.stores.nodes import Hold, Holder

_RETRY_SECONDS: Final = 0.25
_log = structlog.get_logger(__name__)


class NodeTakenError(Exception):
    """Another live process has this gateway's number."""


class NodePort(Protocol):
    """See `roomcast.gateway.stores.nodes.NodeStore`."""

    async def hold(self, replaces: str = "") -> Hold:
        """Take or renew the number. `replaces` is the incarnation (the id of one start) of an ended process."""
        ...


class NodeClaim:
    """The claim of one number. `is_held` becomes true once this process has it."""

    def __init__(self, store: NodePort, node: str, retry_seconds: float = _RETRY_SECONDS) -> None:
        self._store = store
        self._node = node
        self._retry_seconds = retry_seconds
        self.is_held = False

    async def acquire(self) -> None:
        """Return once this process holds the number. Raises NodeTakenError if another live process renews its lease.

        The lease of an ended process of this host is taken over at once. The lease of a process on another host, or in
        another container, must end first.
        """
        before: Holder | None = None
        while not self.is_held:
            try:
                holder = await self._attempt()
            except RoomcastError:  # Redis fails: the gateway waits, and is not ready
                holder = before
            else:
                self.is_held = holder is None
            self._refuse_duplicate(before, holder)
            before = holder or before
            if not self.is_held:
                await asyncio.sleep(self._retry_seconds)

    def _refuse_duplicate(self, before: Holder | None, holder: Holder | None) -> None:
        if holder is None:
            return
        details = {"node": self._node, "holder": holder.process, "incarnation": holder.incarnation}
        if before is None:
            _log.warning("node number is held; waiting for the lease to end", ms=holder.left_ms, **details)
        elif _is_renewed(before, holder):
            _log.error("node number is taken by a running gateway", **details)
            raise NodeTakenError(f"ROOMCAST_NODE={self._node} is held by another running gateway")

    async def _attempt(self) -> Holder | None:
        holder = (await self._store.hold()).holder
        if holder is not None and is_gone(holder.process):
            holder = (await self._store.hold(replaces=holder.incarnation)).holder
        return holder


def _is_renewed(before: Holder, now: Holder) -> bool:
    """Return whether the holder has renewed its lease between the two attempts, or a third process has the number."""
    return now.incarnation != before.incarnation or now.left_ms > before.left_ms


def describe_process() -> str:
    """Return `host/pid/start` of this process; `host` differs between machines and between containers."""
    return f"{_host()}/{os.getpid()}/{_started_at(os.getpid())}"


def is_gone(process: str) -> bool:
    """Return whether the process ran on this host, and has ended. False for processes of other hosts and containers.

    If the pid is this process's own, the earlier process with this pid must have ended.
    """
    host, _, rest = process.partition("/")
    pid, _, started_at = rest.partition("/")
    if host != _host() or not pid.isdecimal():
        return False
    return int(pid) == os.getpid() or _started_at(int(pid)) != started_at


def _host() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip().replace("-", "")
    return f"{boot[:12]}.{Path('/proc/self/ns/pid').stat().st_ino}"


def _started_at(pid: int) -> str:
    """Return the start of the process, in clock ticks since the machine's boot; '' if the process has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in ("Z", "X") else fields[19]
