"""Give freed memory back to the system with glibc's `malloc_trim`. Without this call, glibc keeps most of it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable


def _find_trim() -> Callable[[int], int] | None:
    """Return glibc's `malloc_trim`, or None if the C library does not have it."""
    try:
        trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    except OSError:
        return None
    return trim


_trim = _find_trim()


def give_back() -> None:
    """Return empty pages to the system. Takes some milliseconds."""
    if _trim is not None:
        _trim(0)
