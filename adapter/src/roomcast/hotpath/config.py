"""Read which build of the hot path to use. Each module of the hot path chooses its build while it is imported.

`roomcast.gateway.config` checks the value for gateways.
"""

from __future__ import annotations

import os
from typing import Final

WANTED: Final = os.environ.get("ROOMCAST_HOTPATH", "auto")
"""`auto`: compiled modules where current builds exist; `python`: plain modules; `compiled`: compiled modules only."""
