"""Which of the two hot paths is wanted: it is chosen when the package is imported. `roomcast.gateway.config` checks
the word."""

from __future__ import annotations

import os
from typing import Final

WANTED: Final = os.environ.get("ROOMCAST_HOTPATH", "auto")
"""`auto`: the compiled one where it was built; `python`: the plain one; `compiled`: that, or an ImportError."""
