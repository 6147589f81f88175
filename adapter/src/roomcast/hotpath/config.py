"""Read which build of the hot path is wanted. Each module chooses its build while it is imported.

`roomcast.gateway.config` checks the value for gateways.
"""

from __future__ import annotations

import os
from typing import Final

WANTED: Final = os.environ.get("ROOMCAST_HOTPATH", "auto")
"""`auto`: compiled modules where current ones were built; `python`: plain ones; `compiled`: those or an ImportError."""
