"""The Lua scripts of `contract/scripts/`, by name, with the SHA-1 that EVALSHA takes."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

_FOLDER: Final = Path(__file__).parent / "scripts"


class Script(NamedTuple):
    name: str
    source: bytes
    sha: str


@cache
def script(name: str) -> Script:
    """The script `scripts/<name>.lua`; raises FileNotFoundError for an unknown name."""
    source = (_FOLDER / f"{name}.lua").read_bytes()
    return Script(name, source, hashlib.sha1(source, usedforsecurity=False).hexdigest())


@cache
def all_scripts() -> tuple[Script, ...]:
    """Every script, to load on a fresh connection before other commands."""
    return tuple(script(path.stem) for path in sorted(_FOLDER.glob("*.lua")))
