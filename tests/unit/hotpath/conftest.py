"""Both hot paths, held to one contract."""

from __future__ import annotations

import importlib
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from roomcast.hotpath import build, ear, lane, pipe, sink, tally
from roomcast.hotpath.choice import MODULE, fingerprint


def plain() -> Any:
    """The one in Python, as one namespace."""
    names = SimpleNamespace()
    for module in (sink, ear, pipe, tally, lane):
        vars(names).update({name: value for name, value in vars(module).items() if not name.startswith("_")})
    return names


def compiled() -> Any:
    """The compiled one; it may be missing only where nothing could have compiled it."""
    try:
        module: ModuleType = importlib.import_module(MODULE)
    except ImportError:
        if (lack := build.missing()) is None:
            raise
        pytest.skip(lack)
    assert fingerprint() == module.SOURCE, "make compile"
    return module


@pytest.fixture(params=["python", "compiled"])
def hot(request: pytest.FixtureRequest) -> Any:
    return plain() if request.param == "python" else compiled()
