"""Make `.venv` with the packages of uv.lock. The machine needs only a Python.

    python3 -m deploy.bootstrap [--best]

With `--best`, a Python that was built without optimisations (pyenv's default) is replaced by the distribution's Python,
with which Roomcast takes a tenth to a sixth less CPU. `make` passes `--best` unless PYTHON names the Python to use.

This is the first file that runs on a machine. Any Python 3 must be able to load the file, so that it can report that
the Python is too old. So the file uses no newer syntax, and imports the rest of the project only after that check.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
DISTRIBUTION = "/usr/bin/python3"
NEWER_NAMES = ("python3.14", "python3.13", "python3.12", "python3.11")
UV = "uv==0.13.9"
ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".state" / "bootstrap"
VENV = ROOT / ".venv"
STAMP = VENV / ".roomcast-lock"


def main() -> None:
    """Make or update the environment; exit with one line of text if that fails."""
    if sys.version_info < OLDEST:
        _run_newer_python()
    wanted = sys.argv[2] if sys.argv[1:2] == ["--stamp"] else _fingerprint()
    if _is_current(wanted):
        return
    if "--best" in sys.argv and not is_optimised() and _suits(DISTRIBUTION):
        _say(f"{sys.executable} was built without optimisations: using {DISTRIBUTION} (PYTHON=… chooses another)")
        os.execv(DISTRIBUTION, [DISTRIBUTION, "-m", "deploy.bootstrap", "--stamp", wanted])
    _say("installing Python packages into .venv")
    program = uv()
    environment = dict(os.environ, UV_PROJECT_ENVIRONMENT=str(VENV), UV_PYTHON_DOWNLOADS="never")
    environment.pop("VIRTUAL_ENV", None)
    _run([program, "sync", "--frozen", "--quiet", "--python", sys.executable], environment, "the Python packages")
    STAMP.write_text(wanted)


def _say(line: str) -> None:
    """Print one step to standard error. Standard output is for the target's result, as in `eval "$(make -s env)"`."""
    print(f"· {line}", file=sys.stderr, flush=True)


def is_optimised() -> bool:
    """Tell whether this Python was built with optimisations, as a distribution's Python in /usr is."""
    import sysconfig

    options = sysconfig.get_config_var("CONFIG_ARGS")
    return not options or "--enable-optimizations" in options or Path(sys.base_prefix) == Path("/usr")


def _suits(python: str) -> bool:
    """Tell whether a Python is new enough and has the headers for C extensions."""
    ask = (
        "import os, sys, sysconfig; headers = sysconfig.get_paths()['include'];"
        "sys.exit(sys.version_info < {!r} or not os.path.exists(headers + '/Python.h'))"
    )
    try:
        return subprocess.call([python, "-c", ask.format(OLDEST)]) == 0
    except OSError:
        return False


def _run_newer_python() -> None:
    """Continue in the newest Python on PATH; exit with one line when none is new enough."""
    for name in NEWER_NAMES:
        found = shutil.which(name)
        if found:
            os.execv(found, [found, "-m", "deploy.bootstrap", *sys.argv[1:]])
    sys.exit("roomcast: Python 3.11 or newer is needed; this is {}.{}".format(*sys.version_info[:2]))


def _fingerprint() -> str:
    digest = hashlib.sha256(sys.version.encode())
    for path in [ROOT / "uv.lock", *sorted(ROOT.glob("pyproject.toml")), *sorted(ROOT.glob("*/pyproject.toml"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _is_current(wanted: str) -> bool:
    try:
        return STAMP.read_text() == wanted and subprocess.call([str(VENV / "bin" / "python"), "-c", ""]) == 0
    except OSError:
        return False


def uv() -> str:
    """Return the path of the pinned uv, installed into the state folder on first use."""
    program = str(HOME / "bin" / "uv")
    if not _says_version(program):
        shutil.rmtree(str(HOME), ignore_errors=True)
        pip = _venv_pip() or _own_pip() or _unpacked_pip()
        _run([*pip, "--quiet", "--disable-pip-version-check", UV], dict(os.environ), "uv")
    return program


def _says_version(program: str) -> bool:
    try:
        return UV.split("==")[1] in subprocess.check_output([program, "--version"]).decode()
    except (OSError, subprocess.CalledProcessError):
        return False


def _venv_pip() -> "list[str]":
    """Return the install command of a fresh virtual environment's pip; [] when this Python cannot make one."""
    if (
        subprocess.call([sys.executable, "-m", "venv", str(HOME)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        == 0
    ):
        return [str(HOME / "bin" / "python"), "-m", "pip", "install"]
    shutil.rmtree(str(HOME), ignore_errors=True)
    return []


def _own_pip() -> "list[str]":
    """Return the command by which this Python's pip installs into a plain folder; [] when this Python has no pip."""
    pip = [sys.executable, "-m", "pip"]
    if subprocess.call([*pip, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0:
        return [*pip, "install", "--target", str(HOME)]
    return []


def _unpacked_pip() -> "list[str]":
    """Unpack Debian's python3-pip-whl and return the install command of its pip; exit with one line if that fails."""
    from deploy import tools

    _say("this Python has neither venv nor pip: unpacking python3-pip-whl")
    try:
        wheels = sorted(tools.unpack(["python3-pip-whl"]).glob("usr/share/python-wheels/pip-*.whl"))
    except (tools.MissingTool, OSError):
        wheels = []
    if not wheels:
        sys.exit("roomcast: this Python has neither venv nor pip: install python3-venv")
    return [sys.executable, str(wheels[-1] / "pip"), "install", "--target", str(HOME)]


def _run(command: "list[str]", environment: "dict[str, str]", what: str) -> None:
    done = subprocess.run(command, env=environment, cwd=str(ROOT), stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        sys.exit("roomcast: could not install {}: {}".format(what, " ".join(lines[-3:])))


if __name__ == "__main__":
    main()
