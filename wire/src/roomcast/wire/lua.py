"""Load the Lua scripts of a folder and its subfolders, by name, with the SHA-1 that EVALSHA takes.

A line `--@include _name` is replaced by the text of `_name.lua`, because Redis scripts cannot import one another.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

_INCLUDE: Final = re.compile(r"^--@include (_\w+)$", re.MULTILINE)


class Script(NamedTuple):
    """One script: its name, its text with includes, and the SHA-1 of the text in hexadecimal."""

    name: str
    source: bytes
    sha: str


class ScriptLibrary:
    """The scripts under one folder and its subfolders. Each script needs a unique name.

    `durable` names the scripts whose replies wait for replicas (WAIT), if the backplane is configured with replicas.
    """

    def __init__(self, folder: Path | None = None, durable: Iterable[str] = ()) -> None:
        self._files = {path.stem: path for path in sorted(folder.rglob("*.lua"))} if folder else {}
        self._scripts: dict[str, Script] = {}
        self.durable = frozenset(durable)

    def script(self, name: str) -> Script:
        """Return the script `<name>.lua`; raise FileNotFoundError for an unknown name."""
        found = self._scripts.get(name)
        if found is None:
            found = self._scripts[name] = self._read(name)
        return found

    def all(self) -> tuple[Script, ...]:
        """Return every script, to load on a fresh connection before other commands."""
        return tuple(self.script(name) for name in self._files if not name.startswith("_"))

    def _read(self, name: str) -> Script:
        source = _INCLUDE.sub(lambda match: self._text(match[1]), self._text(name)).encode()
        return Script(name, source, hashlib.sha1(source, usedforsecurity=False).hexdigest())

    def _text(self, name: str) -> str:
        if name not in self._files:
            raise FileNotFoundError(f"{name}.lua")
        return self._files[name].read_text()
