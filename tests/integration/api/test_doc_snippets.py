"""The snippets of docs/http-api.md and of the TypeScript client's README run unchanged against a real API."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import web_build as web
from deploy.layout import ROOT
from tests import apis

PAGE = ROOT / "docs" / "http-api.md"
CLIENT = ROOT / "web" / "api" / "README.md"


def snippets(path: Path, language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE)
    assert found, f"{path.name} has no snippet in {language}"
    return found


def run(api: apis.Api, *command: str | Path, cwd: Path) -> str:
    """Run a snippet with the environment that `make env` prints; return its output."""
    environment = {
        "PATH": os.environ["PATH"],
        "ROOMCAST_API_URL": api.url,
        "ROOMCAST_API_KEY": api.key,
        "NO_PROXY": "127.0.0.1",
    }
    done = subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_curl_snippet_runs(api: apis.Api, tmp_path: Path) -> None:
    (snippet,) = snippets(PAGE, "sh")
    said = run(api, "bash", "-euo", "pipefail", "-c", snippet, cwd=tmp_path)
    signed, published, history, occupancy, presence = (json.loads(line) for line in said.splitlines() if line)
    assert signed["user"] == "ada"
    assert history["messages"][-1]["seq"] == published["seq"]
    assert (occupancy["occupants"], [row["user"] for row in presence["users"]]) == (0, ["ada", "bob"])


def test_the_python_snippet_runs(api: apis.Api, tmp_path: Path) -> None:
    (snippet,) = snippets(PAGE, "python")
    assert run(api, sys.executable, "-c", snippet, cwd=tmp_path) == "1 1 3\n"


def bundled(snippet: str, folder: Path) -> Path:
    """Compile a TypeScript snippet with strict checks; bundle it with the client's sources."""
    web.install_packages(ROOT / "web")
    tools = ROOT / "web" / "node_modules"
    source = folder / "snippet.ts"
    source.write_text(snippet)
    options = {
        "extends": str(ROOT / "web" / "tsconfig.json"),
        "compilerOptions": {
            "paths": {"@roomcast/api": [str(ROOT / "web" / "api" / "src" / "index.ts")]},
            "typeRoots": [str(tools / "@types")],
        },
        "include": [str(source)],
    }
    (folder / "tsconfig.json").write_text(json.dumps(options))
    subprocess.run(
        ["node", tools / "typescript" / "bin" / "tsc", "--noEmit", "-p", folder / "tsconfig.json"], check=True
    )
    target = folder / "snippet.mjs"
    alias = f"--alias:@roomcast/api={ROOT / 'web' / 'api' / 'src' / 'index.ts'}"
    esbuild: list[str | Path] = [
        tools / ".bin" / "esbuild",
        source,
        "--bundle",
        "--platform=node",
        "--format=esm",
        alias,
    ]
    subprocess.run([*esbuild, f"--outfile={target}", "--log-level=warning"], check=True)
    return target


@pytest.mark.parametrize(("path", "says"), [(PAGE, "3\n"), (CLIENT, "not_found\n")], ids=["page", "client"])
def test_the_typescript_snippets_run(api: apis.Api, tmp_path: Path, path: Path, says: str) -> None:
    (snippet,) = snippets(path, "ts")
    assert run(api, "node", bundled(snippet, tmp_path), cwd=tmp_path).endswith(says)
