"""Texts that carry the run they belong to and their send time. Pure."""

from __future__ import annotations

import re

_FORM = re.compile(r"^load ([0-9a-f]+) (\d+\.\d{6})")
_FILLER = " the quick brown fox jumps over the lazy dog"


def stamped(run_id: str, now: float, size: int = 128) -> str:
    """Return a text of `size` characters, sent at `now` (seconds since the epoch)."""
    head = f"load {run_id} {now:.6f}"
    return (head + _FILLER * (size // len(_FILLER) + 1))[:size]


def sent_at(run_id: str, text: str) -> float | None:
    """Return when a text of this run was sent; None for any other text."""
    found = _FORM.match(text)
    return float(found[2]) if found and found[1] == run_id else None
