"""Install and start the object storage of development machines and tests: ministack, in its own virtualenv.

ministack pins a version of botocore that conflicts with the signer's version. So `ensure` makes a second virtual
environment in the state folder; `command` returns the command and environment of the server. `guard.py` checks the
signature of every request, and ministack checks POST policies as S3 does. Objects and bucket settings are stored on
disk. Not for production.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from deploy.layout import MACHINE_STATE
from deploy.locks import locked

REQUIREMENTS: Final = Path(__file__).with_name("requirements.txt")
GUARD: Final = Path(__file__).with_name("guard.py")
INSTALL_SECONDS: Final = 300


class SetupError(RuntimeError):
    """The storage's environment could not be made; the text is one line that says why."""


def ensure(state: Path = MACHINE_STATE, uv: str | None = None) -> Path:
    """Return the Python of the storage's environment under `state`. The first call downloads about 46 MB.

    `uv`: the path of uv; default: the uv on PATH, or venv and pip if there is none. Several processes may call this
    function at once. Raise SetupError if the environment cannot be made.
    """
    home = state / "s3-venv"
    with locked(state / "s3-venv.lock"):
        if not _is_current(home):
            _build(home, uv or shutil.which("uv"))
    return _python(home)


def command(
    port: int, data_dir: Path, access_key: str, secret_key: str, state: Path = MACHINE_STATE
) -> tuple[list[str], dict[str, str]]:
    """Return the arguments and environment of a server on 127.0.0.1:`port` that stores its files in `data_dir`."""
    (data_dir / "tmp").mkdir(parents=True, exist_ok=True)
    return [str(_python(state / "s3-venv")), str(GUARD)], environment(port, data_dir, access_key, secret_key)


def environment(port: int, data_dir: Path, access_key: str, secret_key: str) -> dict[str, str]:
    """Return the server's complete environment. `data_dir` must contain a folder `tmp`."""
    return {
        "PATH": os.defpath,
        "HOME": str(data_dir),
        "TMPDIR": str(data_dir / "tmp"),
        "PYTHONUNBUFFERED": "1",
        "SERVICES": "s3",
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(data_dir / "objects"),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(data_dir / "settings"),
        "LOG_LEVEL": "WARNING",
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
    }


def _python(home: Path) -> Path:
    return home / "bin" / "python"


def _stamp(home: Path) -> Path:
    return home / "roomcast-requirements.txt"


def _is_current(home: Path) -> bool:
    """Tell whether the environment contains exactly the current requirements, and its Python still starts."""
    stamp = _stamp(home)
    if not stamp.is_file() or stamp.read_bytes() != REQUIREMENTS.read_bytes():
        return False
    return subprocess.run([_python(home), "-c", ""], check=False, capture_output=True).returncode == 0


def _build(home: Path, uv: str | None) -> None:
    """Make the environment anew. The stamp is written last, so that an interrupted build is repeated."""
    shutil.rmtree(home, ignore_errors=True)
    if uv is not None:
        _run([uv, "venv", "--quiet", "--python", sys.executable, str(home)])
        install = [uv, "pip", "install", "--quiet", "--compile-bytecode"]
        _run([*install, "--python", str(_python(home)), "-r", str(REQUIREMENTS)])
    else:
        _run([sys.executable, "-m", "venv", str(home)])
        _run([str(_python(home)), "-m", "pip", "install", "--quiet", "-r", str(REQUIREMENTS)])
    _stamp(home).write_bytes(REQUIREMENTS.read_bytes())


def _run(arguments: list[str]) -> None:
    try:
        done = subprocess.run(arguments, check=False, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(f"the storage server could not be installed: {error}") from None
    if done.returncode != 0:
        last = ((done.stderr or done.stdout).strip().splitlines() or ["no output"])[-1]
        raise SetupError(f"the storage server could not be installed: {last}")
