"""Choose free ports for test servers, so that tests in parallel processes do not collide.

Both ranges avoid the ports that the kernel gives to outgoing connections: single servers get ports above that range,
and clusters get blocks of ports below it. A process reserves a port or block with a lock file. It holds a block until
it releases the block or ends, because a cluster binds most of its ports only when gateways are added. It holds a single
port until it has chosen SINGLES_HELD further ports: by then a server has bound the port.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from collections import deque
from pathlib import Path
from random import SystemRandom
from typing import Final

from deploy.layout import HIGHEST_BASE, HOST

SINGLE: Final = range(61_000, HIGHEST_BASE + 1)
"""The ports for single servers. A cluster could also start with any of them as the page's port."""
BLOCK_PORTS: Final = 400
"""The number of ports in a block; a cluster uses the ports up to 350 above its first port."""
BLOCKS: Final = range(10_000, 32_000, BLOCK_PORTS)
"""The first ports of all blocks."""
ATTEMPTS: Final = 200
"""The number of random ports that `singles` tries."""
SINGLES_HELD: Final = 64
"""The number of single ports that a process holds at most."""

_random: Final = SystemRandom()
"""A separate random generator, because tests seed `random`: two test processes would then choose the same ports."""

_held: dict[int, int] = {}
"""The lock files of this process's blocks, by first port."""
_singles: Final[deque[int]] = deque()
"""The lock files of the single ports that this process chose last."""


class NoFreePortError(RuntimeError):
    """No port, or no block of ports, is free."""


def is_free(port: int, host: str = HOST) -> bool:
    """Tell whether a server could listen on `port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def singles(count: int) -> list[int]:
    """Reserve and return `count` different free ports. The process holds them until it has chosen SINGLES_HELD others.

    Raise NoFreePortError if fewer are free.
    """
    found: set[int] = set()
    for port in _random.sample(SINGLE, ATTEMPTS):
        if len(found) < count and (file := _lock_file(port)) is not None:
            if is_free(port):
                found.add(port)
                _hold_single(file)
            else:
                os.close(file)
    if len(found) < count:
        raise NoFreePortError(f"fewer than {count} free ports between {SINGLE.start} and {SINGLE.stop}")
    return list(found)


def hold_block() -> int:
    """Reserve a block that no process holds, and return its first port. Raise NoFreePortError if there is none."""
    for base in _random.sample(BLOCKS, len(BLOCKS)):
        if base not in _held and _lock(base):
            return base
    raise NoFreePortError("every block of ports is held by a test process")


def release_block(base: int) -> None:
    """Release a block for other processes. Do nothing when this process does not hold the block."""
    if (file := _held.pop(base, None)) is not None:
        os.close(file)


def _hold_single(file: int) -> None:
    _singles.append(file)
    if len(_singles) > SINGLES_HELD:
        os.close(_singles.popleft())


def _lock(base: int) -> bool:
    file = _lock_file(base)
    if file is not None:
        _held[base] = file
    return file is not None


def _lock_file(port: int) -> int | None:
    """Lock a port's lock file and return its descriptor; None when another process holds the lock."""
    folder = Path(tempfile.gettempdir()) / f"roomcast-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    file = os.open(folder / str(port), os.O_CREAT | os.O_WRONLY)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return None
    return file
