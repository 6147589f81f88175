"""Fuzz the parsers with atheris, guided by coverage. `make fuzz SECONDS=20` sets the seconds for each parser.

Each parser runs in its own process. It runs as plain Python, because atheris sees no branches of compiled code. The
fuzzer starts from SEEDS and from the files in `corpus/<parser>`. It writes each failing input to that folder, and
`test_parsers.py` tries the input again in every later run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).with_name("corpus")
MAX_BYTES = 4_096


def main() -> int:
    """Fuzz all parsers, or the parser that `--parser` names; return 0 if none failed."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--seconds", type=int, default=20)
    arguments.add_argument("--parser")
    asked = arguments.parse_args()
    atheris = load_atheris()
    if atheris is None:
        print("fuzz: skipped, there is no atheris for this Python", file=sys.stderr)
        return 0
    if asked.parser:
        run(atheris, asked.parser, asked.seconds)
    from tests.attack.fuzz.parser_checks import PARSERS

    command = [sys.executable, "-m", "tests.attack.fuzz", "--seconds", str(asked.seconds), "--parser"]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        environment = dict(os.environ, TMPDIR=folder)
        failed = [
            name for name in PARSERS if subprocess.run([*command, name], env=environment, check=False).returncode != 0
        ]
    print(f"fuzz: {len(PARSERS) - len(failed)} parsers passed; failed: {failed or 'none'}")
    return 1 if failed else 0


def load_atheris() -> Any:
    """Return the module `atheris`, or None when it is not installed."""
    try:
        return import_module("atheris")
    except ImportError:
        return None


def run(atheris: Any, name: str, seconds: int) -> None:
    """Fuzz one parser. The function does not return, because libFuzzer ends the process."""
    with atheris.instrument_imports(include=["roomcast", "tests.attack.fuzz.parser_checks", "jwt", "msgspec"]):
        from tests.attack.fuzz.parser_checks import PARSERS, SEEDS
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    for number, seed in enumerate(SEEDS[name]):
        (folder / f"seed-{number}").write_bytes(seed)
    found = CORPUS / name
    found.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={MAX_BYTES}",
        f"-artifact_prefix={found}/",
        "-timeout=5",
        "-rss_limit_mb=2048",
        "-verbosity=0",
        "-print_final_stats=1",
    ]
    atheris.Setup([f"fuzz-{name}", *options, str(folder), str(found)], PARSERS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
