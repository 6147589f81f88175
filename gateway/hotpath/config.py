"""Which of the two hot paths is wanted."""

from __future__ import annotations

import os
from typing import Final

WANTED: Final = os.environ.get("ROOMCAST_HOTPATH", "auto")
"""`auto`: the compiled one where it was built; `python`: the plain one; `compiled`: that, or an ImportError."""
