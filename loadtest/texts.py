"""Message texts that contain the id of their run and their send time. Pure."""

from __future__ import annotations

_FILLER = " the quick brown fox jumps over the lazy dog"


def stamped(run_id: str, now: float, size: int = 128) -> str:
    """Return a text of `size` characters, sent at `now` (seconds since the epoch)."""
    head = f"load {run_id} {now:.6f}"
    return (head + _FILLER * (size // len(_FILLER) + 1))[:size]


def sent_at(run_id: str, text: str) -> float | None:
    """Return when a text of this run was sent; None for any other text."""
    head = f"load {run_id} "
    if not text.startswith(head):
        return None
    try:
        return float(text[len(head) :].partition(" ")[0])
    except ValueError:
        return None
