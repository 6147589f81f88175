"""The Lua scripts of `contract/scripts/`, by name, with the SHA-1 that EVALSHA takes.

A line `--@include _name` stands for the text of `_name.lua`: Redis scripts cannot import one another.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

_FOLDER: Final = Path(__file__).parent / "scripts"
_INCLUDE: Final = re.compile(r"^--@include (_\w+)$", re.MULTILINE)


class Script(NamedTuple):
    name: str
    source: bytes
    sha: str


@cache
def script(name: str) -> Script:
    """The script `scripts/<name>.lua`; raises FileNotFoundError for an unknown name."""
    text = (_FOLDER / f"{name}.lua").read_text()
    source = _INCLUDE.sub(lambda match: (_FOLDER / f"{match[1]}.lua").read_text(), text).encode()
    return Script(name, source, hashlib.sha1(source, usedforsecurity=False).hexdigest())


@cache
def all_scripts() -> tuple[Script, ...]:
    """Every script, to load on a fresh connection before other commands."""
    return tuple(script(path.stem) for path in sorted(_FOLDER.glob("[a-z]*.lua")))
