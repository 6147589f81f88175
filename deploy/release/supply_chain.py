"""List the packages that Roomcast is built from (SBOM, CycloneDX 1.5), and check them for known vulnerabilities.

`uv.lock`, `web/package-lock.json` and the requirements files of development servers pin every package with its hash. An
installation fails if a package's file has another hash.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from deploy import bootstrap
from deploy.layout import ROOT
from deploy.tools import Say, quiet

SECONDS: Final = 300
WEB: Final = ROOT / "web"
_UNREACHABLE: Final = ("dns error", "error sending request", "ENOTFOUND", "ECONNREFUSED", "405 Method Not Allowed")
"""Parts of uv's and npm's error texts when the vulnerability database cannot be reached from this machine."""


class SupplyChainError(RuntimeError):
    """uv or npm failed; the text is the last line of its output."""


def sbom(folder: Path, *, say: Say = quiet) -> list[Path]:
    """Write `python.cdx.json` and `npm.cdx.json` into `folder` and return their paths.

    Raise SupplyChainError if uv or npm fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    documents = {
        "python.cdx.json": _output(
            _uv("export", "--frozen", "--all-packages", "--no-default-groups", "--format", "cyclonedx1.5")
        ),
        "npm.cdx.json": _output(["npm", "sbom", "--sbom-format", "cyclonedx", "--package-lock-only"], WEB),
    }
    paths = []
    for name, text in documents.items():
        components = json.loads(text)["components"]
        path = folder / name
        path.write_text(text)
        say(f"{path}: {len(components)} components")
        paths.append(path)
    return paths


def audit(*, say: Say = quiet) -> bool:
    """Return False if a package has a known vulnerability. Return True, and say so, if no database can be reached."""
    checks = {
        "Python packages": (_uv("audit", "--frozen"), ROOT),
        "npm packages": (["npm", "audit", "--package-lock-only"], WEB),
    }
    found = [_is_clean(what, command, where, say) for what, (command, where) in checks.items()]
    return all(found)


def _is_clean(what: str, command: Sequence[str], where: Path, say: Say) -> bool:
    done = _run(command, where)
    text = done.stdout + done.stderr
    if done.returncode == 0:
        say(f"{what}: no known vulnerability")
        return True
    if any(sign in text for sign in _UNREACHABLE):
        say(f"{what}: not checked, the vulnerability database cannot be reached from here")
        return True
    say(f"{what}: {text.strip()}")
    return False


def _uv(*arguments: str) -> list[str]:
    return [bootstrap.uv(), *arguments]


def _output(command: Sequence[str], where: Path = ROOT) -> str:
    done = _run(command, where)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise SupplyChainError(f"{Path(command[0]).name} failed: {last}")
    return done.stdout


def _run(command: Sequence[str], where: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    try:
        return subprocess.run(
            command, cwd=where, env=environment, check=False, capture_output=True, text=True, timeout=SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SupplyChainError(str(error)) from None


def main() -> int:
    """Run `sbom FOLDER` or `audit`; return 1 for a vulnerability, 2 for a tool that failed."""
    try:
        if sys.argv[1:2] == ["sbom"]:
            sbom(Path(sys.argv[2]), say=print)
            return 0
        return 0 if audit(say=print) else 1
    except SupplyChainError as error:
        print(f"roomcast: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
