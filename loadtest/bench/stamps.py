"""Make message texts with send time and slot at fixed places: the load client reads both without parsing. Pure.

A slot is a message in flight with its publisher (see `Workload`). The form of a text: `~t`, 16 digits of microseconds
(the host's monotonic clock), `:`, 6 digits of slot, `~`, then padding.
"""

from __future__ import annotations

from typing import Final

from loadtest.bench.workloads import TEXT_BYTES

MARK: Final = b"~t"
TIME_AT: Final = 2
TIME_END: Final = 18
SLOT_AT: Final = 19
SLOT_END: Final = 25
PACED_SLOT: Final = b"999999"


def slot_name(number: int) -> bytes:
    """Return the six digits of slot `number` in a text."""
    return b"%06d" % number


def stamp(now_us: int, slot: bytes, size: int = TEXT_BYTES) -> str:
    """Return a text of `size` characters, sent at `now_us` by `slot`."""
    return f"~t{now_us:016d}:{slot.decode()}~".ljust(size, "x")
