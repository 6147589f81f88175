"""Makes the compiled hot path, and finds it: `python -m roomcast.hotpath.build`.

It lies beside its source, one per kind of interpreter, and carries the hash of the source it was made from: a stale one
is never used. Needs Cython, a C compiler and the interpreter's headers; a gateway needs none of them.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Final

from roomcast.hotpath.choice import MODULE, SOURCE, fingerprint

HERE: Final = SOURCE.parent


class CannotCompileError(RuntimeError):
    """Why there is no compiled hot path here: one line, with what to do about it."""


def target() -> Path:
    """Where the compiled module of this interpreter lies."""
    return SOURCE.with_suffix(str(sysconfig.get_config_var("EXT_SUFFIX")))


def missing() -> str | None:
    """What this machine lacks to compile anything for this interpreter."""
    compiler, headers = _compiler(), _headers()
    if shutil.which(compiler[0]) is None:
        return f"there is no C compiler ({compiler[0]})"
    if not (headers / "Python.h").exists():
        return f"the headers of this Python are missing ({headers}/Python.h)"
    return None


def build() -> None:
    """Compile. Raises CannotCompileError; nothing is left behind then."""
    if (lack := missing()) is not None:
        raise CannotCompileError(lack)
    with tempfile.TemporaryDirectory(dir=HERE, prefix=".build-") as folder:
        code, made = Path(folder, "compiled.c"), Path(folder, "compiled.so")
        _run([sys.executable, "-m", "cython", "-3", "--module-name", MODULE, str(SOURCE), "-o", str(code)])
        flags = ["-O2", "-fPIC", "-shared", "-fno-semantic-interposition", f'-DROOMCAST_SOURCE="{fingerprint()}"']
        _run([*_compiler(), *flags, f"-I{_headers()}", str(code), "-o", str(made)])
        made.replace(target())


def _compiler() -> list[str]:
    return shlex.split(str(sysconfig.get_config_var("CC") or "cc"))


def _headers() -> Path:
    return Path(sysconfig.get_paths()["include"])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=HERE, check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise CannotCompileError(f"{Path(command[0]).name} failed: {' '.join(lines[-3:])}")


def main() -> int:
    try:
        build()
    except CannotCompileError as error:
        print(f"roomcast: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
