"""Compile the hot path: `python -m roomcast.hotpath.build`.

Each module is compiled by itself, into the folder `_compiled` beside its source. Modules with a current build are
skipped. Compiling needs Cython, a C compiler and the interpreter's headers. Running a gateway does not need these.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from roomcast.hotpath import sources
from roomcast.hotpath.sources import Source

_CYTHON: Final = (
    *("-3", "-X", "annotation_typing=False", "-X", "binding=False", "-X", "boundscheck=False"),
    *("-X", "wraparound=False", "-X", "initializedcheck=False"),
)
_C_FLAGS: Final = ("-O2", "-fPIC", "-shared", "-fno-semantic-interposition", "-fvisibility=hidden")


class CannotCompileError(RuntimeError):
    """The hot path cannot be compiled here; the text is one line with the reason."""


def missing() -> str | None:
    """Return why this machine cannot compile for this interpreter, or None if it can."""
    compiler, headers = _compiler(), _headers()
    if shutil.which(compiler[0]) is None:
        return f"there is no C compiler ({compiler[0]})"
    if not (headers / "Python.h").exists():
        return f"the headers of this Python are missing ({headers}/Python.h)"
    return None


def outdated() -> list[Source]:
    """Return the modules that have no current compiled form."""
    return [source for source in sources.every() if not source.target.exists()]


def build(modules: Sequence[Source] | None = None) -> None:
    """Compile the modules (default: the outdated ones). Raise CannotCompileError; no incomplete file remains then."""
    modules = outdated() if modules is None else modules
    if not modules:
        return
    if (lack := missing()) is not None:
        raise CannotCompileError(lack)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(_compile, modules))


def _compile(source: Source) -> None:
    folder = source.target.parent
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".build-") as scratch:
        code, made = Path(scratch, "module.c"), Path(scratch, "module.so")
        includes = [part for root in sources.roots() for part in ("-I", str(root.parent))]
        cython = [sys.executable, "-m", "cython", *_CYTHON, *includes, "--module-name", source.name]
        _run([*cython, str(source.code), "-o", str(code)])
        _run([*_compiler(), *_C_FLAGS, f"-I{_headers()}", str(code), "-o", str(made)])
        made.replace(source.target)
    for old in source.stale():
        old.unlink(missing_ok=True)


def _compiler() -> list[str]:
    return shlex.split(str(sysconfig.get_config_var("CC") or "cc"))


def _headers() -> Path:
    return Path(sysconfig.get_paths()["include"])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise CannotCompileError(f"{Path(command[0]).name} failed: {' '.join(lines[-3:])}")


def main() -> int:
    """Compile the outdated modules. If that fails, print one line and return 1."""
    try:
        build()
    except CannotCompileError as error:
        print(f"roomcast: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
