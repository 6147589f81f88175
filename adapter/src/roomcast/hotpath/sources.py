"""Find the modules of the hot path: each `.pxd` under the namespace `roomcast`, with its `.pyx` or `.py`."""

from __future__ import annotations

import hashlib
import re
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import roomcast

FOLDER: Final = "_compiled"
_CIMPORT: Final = re.compile(r"^from (roomcast\.[\w.]+) cimport ", re.MULTILINE)
_SUFFIX: Final = str(sysconfig.get_config_var("EXT_SUFFIX"))


class Source(NamedTuple):
    """One module of the hot path; `pxd` is its declaration file."""

    name: str
    pxd: Path

    @property
    def code(self) -> Path:
        """The file that Cython compiles."""
        pyx = self.pxd.with_suffix(".pyx")
        return pyx if pyx.exists() else self.pxd.with_suffix(".py")

    @property
    def needs(self) -> list[str]:
        """The modules whose C types or functions this module uses."""
        texts = {path.read_text() for path in (self.pxd, self.code)}
        return sorted({name for text in texts for name in _CIMPORT.findall(text)})

    @property
    def target(self) -> Path:
        """Return the path of the compiled form, for this interpreter and the current source."""
        return self.pxd.parent / FOLDER / f"{self.pxd.stem}-{fingerprint(self.name)[:16]}{_SUFFIX}"

    def stale(self) -> Iterator[Path]:
        """Yield the compiled forms, for this interpreter, of other versions of the source."""
        form = re.compile(rf"{re.escape(self.pxd.stem)}-[0-9a-f]{{16}}{re.escape(_SUFFIX)}")
        for path in self.target.parent.glob(f"{self.pxd.stem}-*"):
            if form.fullmatch(path.name) and path != self.target:
                yield path


def roots() -> list[Path]:
    """Return the folders of the namespace package `roomcast`."""
    return [Path(folder) for folder in roomcast.__path__]


@cache
def find(name: str) -> Source | None:
    """Return the module if it belongs to the hot path, else None."""
    parts = name.split(".")[1:]
    for root in roots():
        pxd = root.joinpath(*parts).with_suffix(".pxd")
        if pxd.exists():
            return Source(name, pxd)
    return None


def every() -> list[Source]:
    """Return all modules of the hot path, in the order of their names."""
    found = {}
    for root in roots():
        for pxd in root.rglob("*.pxd"):
            name = ".".join((roomcast.__name__, *pxd.relative_to(root).with_suffix("").parts))
            found[name] = Source(name, pxd)
    return [found[name] for name in sorted(found)]


@cache
def fingerprint(name: str) -> str:
    """Return a hash over all files that the compiled form of a module depends on."""
    source = find(name)
    if source is None:
        raise ValueError(f"{name} has no .pxd")
    digest = hashlib.sha256(Path(__file__).with_name("build.py").read_bytes())
    for path in (source.pxd, source.code):
        digest.update(path.read_bytes())
    for needed in source.needs:
        digest.update(fingerprint(needed).encode())
    return digest.hexdigest()
