"""On PYTHONPATH of one process: its wall clock is off by CHAOS_CLOCK_SECONDS. The monotonic clock is right."""

import os
import time

_offset = float(os.environ.get("CHAOS_CLOCK_SECONDS", "0"))  # noqa: TID251 (no process has a config this early)
_time, _time_ns = time.time, time.time_ns
time.time = lambda: _time() + _offset
time.time_ns = lambda: _time_ns() + int(_offset * 1e9)
