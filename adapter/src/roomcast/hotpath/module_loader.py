"""Load the compiled form of a module, if it was built from the current source."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from importlib.machinery import ExtensionFileLoader
from typing import Final

from roomcast.hotpath import sources
from roomcast.hotpath.config import WANTED
from roomcast.hotpath.sources import Source

_HINT: Final = "make compile, or python -m roomcast.hotpath.build"
_loaded: set[str] = set()
_warned: list[str] = []


def prefer_compiled(name: str, wanted: str = WANTED) -> None:
    """Replace the module `name`, which is being imported, by its compiled form.

    Do nothing if `wanted` is `python`, or if it is `auto` and there is no current build. Raise ImportError if it is
    `compiled` and there is no current build. Raise ValueError for any other value.
    """
    if wanted not in ("auto", "python", "compiled"):
        raise ValueError("ROOMCAST_HOTPATH is auto, python or compiled")
    if wanted == "python" or name in _loaded:
        return  # the compiled form calls this function, too
    source = sources.find(name)
    if source is None:
        raise ValueError(f"{name} has no .pxd")
    reason = _obstacle(source)
    if reason is None:
        _load(source)
    elif wanted == "compiled":
        raise ImportError(f"{reason}: {_HINT}")


def is_compiled(name: str) -> bool:
    """Tell whether the module runs in its compiled form."""
    return name in _loaded


def _obstacle(source: Source) -> str | None:
    """Return why the compiled form of a module cannot be used, or None if it can."""
    if not source.target.exists():
        if not any(source.stale()):
            return f"{source.name} is not compiled"
        reason = f"{source.name} was compiled from another source"
        if not _warned:
            _warned.append(source.name)
            warnings.warn(f"{reason}; its plain form is used until you run: {_HINT}", RuntimeWarning, stacklevel=4)
        return reason
    plain = [needed for needed in source.needs if needed not in _loaded]
    return f"{plain[0]}, which {source.name} needs, is not compiled" if plain else None


def _load(source: Source) -> None:
    loader = ExtensionFileLoader(source.name, str(source.target))
    spec = importlib.util.spec_from_file_location(source.name, source.target, loader=loader)
    if spec is None:
        raise ImportError(f"{source.target} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    _loaded.add(source.name)
    try:
        loader.exec_module(module)
    except BaseException:
        _loaded.discard(source.name)
        raise
    sys.modules[source.name] = module
