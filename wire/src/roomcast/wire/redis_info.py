"""Read a Redis server's INFO, and find the faults that an operator must repair. Pure."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

MIN_VERSION: Final = (7, 0)
"""The first Redis with sharded pub/sub."""


class RedisInfo(NamedTuple):
    """The parts of INFO that Roomcast reads; a part that the reply lacks is empty."""

    run_id: str
    version: str
    role: str
    eviction: str

    @property
    def is_replica(self) -> bool:
        """Return whether the server follows a master, and refuses writes."""
        return self.role == "slave"

    @property
    def is_too_old(self) -> bool:
        """Return whether the server has no sharded pub/sub. False if the reply has no version."""
        numbers = re.findall(r"\d+", self.version)[:2]
        return bool(numbers) and tuple(int(number) for number in numbers) < MIN_VERSION

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return the faults of the server, one sentence each."""
        found = []
        if self.is_too_old:
            found.append(f"Redis {self.version} is too old: Roomcast needs 7.0 or newer (sharded pub/sub)")
        if self.eviction not in ("", "noeviction"):
            found.append(
                f"Redis evicts keys when memory is full (maxmemory-policy {self.eviction}): logs and members get lost"
                " without an error; set it to noeviction"
            )
        return tuple(found)


def parse_info(text: bytes) -> RedisInfo:
    """Read the reply of INFO."""
    found = dict(line.partition(":")[::2] for line in text.decode(errors="replace").splitlines() if ":" in line)
    return RedisInfo(*(found.get(name, "") for name in ("run_id", "redis_version", "role", "maxmemory_policy")))
