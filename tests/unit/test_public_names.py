"""The packages' public names (`__all__`) exist; some packages load them at their first use."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import pytest

import roomcast

PACKAGES = [found.name for found in pkgutil.walk_packages(roomcast.__path__, "roomcast.") if found.ispkg]
NAMES = [(package, name) for package in PACKAGES for name in getattr(import_module(package), "__all__", ())]


def test_the_packages_with_public_names_are_found() -> None:
    assert {"roomcast.adapter", "roomcast.engineio"} <= {package for package, _ in NAMES}


@pytest.mark.parametrize(("package", "name"), NAMES)
def test_a_public_name_exists(package: str, name: str) -> None:
    assert hasattr(import_module(package), name)
