"""Shift the wall clock, not the monotonic clock, by CHAOS_CLOCK_SECONDS, if this folder is on PYTHONPATH."""

import os
import time

_offset = float(os.environ.get("CHAOS_CLOCK_SECONDS", "0"))  # noqa: TID251 (no process has a config this early)
_time, _time_ns = time.time, time.time_ns
time.time = lambda: _time() + _offset
time.time_ns = lambda: _time_ns() + int(_offset * 1e9)
