"""Folders that all workers of a test run share. The first worker that needs a folder fills it; other workers wait."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.locks import locked


def shared_folder(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return the folder `name`. The first call in a test run makes it, and fills it with `make`.

    If `make` fails, the next call tries again.
    """
    own = factory.getbasetemp()
    # Under xdist, `own` belongs to one worker; its parent belongs to the run.
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / name
    made = folder.with_name(f"{name}.made")
    with locked(folder.with_name(f"{name}.lock")):
        if not made.exists():
            folder.mkdir(exist_ok=True)
            make(folder)
            made.touch()
    return folder
