"""Finds the compiled hot path, and believes it only when it was made from the source beside it."""

from __future__ import annotations

import hashlib
import importlib
import warnings
from pathlib import Path
from types import ModuleType
from typing import Final

SOURCE: Final = Path(__file__).resolve().with_name("compiled.pyx")
MODULE: Final = "roomcast.hotpath.compiled"


def fingerprint() -> str:
    """What a compiled module must carry to be used."""
    return hashlib.sha256(SOURCE.read_bytes()).hexdigest()


def load(wanted: str) -> ModuleType | None:
    """The compiled module for `auto` and `compiled`, if there is a current one. Raises ImportError, or ValueError."""
    if wanted not in ("auto", "python", "compiled"):
        raise ValueError("ROOMCAST_HOTPATH is auto, python or compiled")
    if wanted == "python":
        return None
    try:
        module = importlib.import_module(MODULE)
    except ImportError as error:
        if wanted == "compiled":
            raise ImportError(f"the compiled hot path is not there ({error}): make compile") from error
        return None
    if fingerprint() == module.SOURCE:
        return module
    if wanted == "compiled":
        raise ImportError(f"{MODULE} was built from another source: make compile")
    warnings.warn("the compiled hot path is stale, the plain one is used: make compile", RuntimeWarning, stacklevel=2)
    return None
