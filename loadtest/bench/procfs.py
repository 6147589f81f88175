"""CPU time and memory of processes, from `/proc`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

CHILDREN_SECONDS = 10.0
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return the user and system time of a process, all threads; the resolution is one clock tick (10 ms)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


def run_seconds(pid: int) -> float:
    """Return the CPU seconds of a process's live threads, at a resolution of 1 ns, also for nearly idle processes."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def cpu_of_groups(groups: Mapping[str, Iterable[int]]) -> dict[str, float]:
    """Return the CPU seconds so far of each named group of processes."""
    return {name: sum(cpu_seconds(pid) for pid in pids) for name, pids in groups.items()}


def memory_bytes(pid: int) -> int:
    """Return the proportional set size: each shared page is divided among the processes that share it."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"no Pss of process {pid}")


def children(pid: int) -> tuple[int, ...]:
    """Return the direct children of a process."""
    return tuple(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


def wait_for_children(pid: int, count: int) -> tuple[int, ...]:
    """Wait until a process has `count` children, and return them: nginx listens before it starts its workers.

    Raise TimeoutError after CHILDREN_SECONDS.
    """
    deadline = time.monotonic() + CHILDREN_SECONDS
    while len(found := children(pid)) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {pid} has {len(found)} of {count} children after {CHILDREN_SECONDS:g} s")
        time.sleep(0.05)
    return found
