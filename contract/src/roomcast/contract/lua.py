"""Load the Lua scripts of Roomcast: one per atomic change in Redis, in the folder `scripts/`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from roomcast.wire.lua import ScriptLibrary

SCRIPTS: Final = ScriptLibrary(Path(__file__).parent / "scripts", durable=("room_append",))
script = SCRIPTS.script
all_scripts = SCRIPTS.all
