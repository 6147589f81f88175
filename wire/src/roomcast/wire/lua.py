"""Lua scripts from a folder, by name, with the SHA-1 that EVALSHA takes.

A line `--@include _name` stands for the text of `_name.lua`: Redis scripts cannot import one another.
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
    """The scripts of one folder. The replies of `durable` ones wait for replicas, where replicas are asked for."""

    def __init__(self, folder: Path | None = None, durable: Iterable[str] = ()) -> None:
        self._folder = folder
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
        if self._folder is None:
            return ()
        return tuple(self.script(path.stem) for path in sorted(self._folder.glob("[a-z]*.lua")))

    def _read(self, name: str) -> Script:
        if self._folder is None:
            raise FileNotFoundError(f"{name}.lua: the library is empty")
        folder = self._folder
        text = (folder / f"{name}.lua").read_text()
        source = _INCLUDE.sub(lambda match: (folder / f"{match[1]}.lua").read_text(), text).encode()
        return Script(name, source, hashlib.sha1(source, usedforsecurity=False).hexdigest())
