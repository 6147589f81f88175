"""Check the chart with helm (`make chart`). Without helm, build it with Go; without Go, skip the checks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from deploy import bootstrap
from deploy.layout import MACHINE_STATE, ROOT

HELM: Final = "helm.sh/helm/v3/cmd/helm@v3.19.0"
BUILD_SECONDS: Final = 900


def find_helm() -> Path | None:
    """Return the path of helm: the machine's own, or one built with Go into the state folder; None without either."""
    folder = MACHINE_STATE / "tools" / "bin"
    found = shutil.which("helm") or shutil.which("helm", path=str(folder))
    if found is not None:
        return Path(found)
    go = shutil.which("go")
    if go is None:
        return None
    print("· building helm", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "GOBIN": str(folder), "GOFLAGS": "-mod=mod"}
    done = subprocess.run([go, "install", HELM], env=environment, check=False, timeout=BUILD_SECONDS)
    return folder / "helm" if done.returncode == 0 else None


def main() -> int:
    """Run the chart's tests and return their exit status; 0 when there is no helm."""
    if find_helm() is None:
        print("roomcast: the chart was not checked: there is neither helm nor Go")
        return 0
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    sync = [bootstrap.uv(), "sync", "--frozen", "--quiet", "--inexact", "--group", "chart", "--python", sys.executable]
    subprocess.run(sync, env=environment, cwd=ROOT, check=True)
    return subprocess.run([sys.executable, "-m", "pytest", "tests/chart"], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
