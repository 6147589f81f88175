"""The packed SDK in an empty folder: Node imports it, and TypeScript finds its types."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.layout import ROOT
from deploy.release.versions import current, for_npm
from tests.packages.environments import run_in

TYPESCRIPT = ROOT / "web" / "node_modules" / "typescript" / "bin" / "tsc"


@pytest.fixture(scope="module")
def app(npm_packages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an application folder that depends only on the tarball."""
    folder = tmp_path_factory.mktemp("app")
    tarball = npm_packages["sdk"]
    manifest = {"name": "app", "private": True, "type": "module", "dependencies": {"@roomcast/sdk": f"file:{tarball}"}}
    (folder / "package.json").write_text(json.dumps(manifest))
    run_in(folder, "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts")
    return folder


def test_packing_without_the_node_packages_exits_with_one_line_of_advice(tmp_path: Path) -> None:
    """The node packages are missing while the first `make run` still installs; packing then prints no stack trace."""
    shutil.copytree(ROOT / "web" / "scripts", tmp_path / "web" / "scripts")
    done = subprocess.run(
        ["node", "web/scripts/pack.mjs"], cwd=tmp_path, check=False, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    assert "run `npm ci` in web/, or wait until `make run` says that it runs" in done.stderr
    assert not (tmp_path / "dist").exists()


def test_node_imports_the_sdk(app: Path) -> None:
    said = run_in(
        app, "node", "--input-type=module", "-e", "import * as s from '@roomcast/sdk'; console.log(typeof s.connect)"
    )
    assert said == "function\n"


def test_the_package_contains_only_built_files_and_depends_only_on_socket_io_client(app: Path) -> None:
    package = app / "node_modules" / "@roomcast" / "sdk"
    manifest = json.loads((package / "package.json").read_text())
    assert manifest["version"] == for_npm(current())
    assert set(manifest.get("dependencies", {})) == {"socket.io-client"}
    assert [path.name for path in package.rglob("*.ts") if not path.name.endswith(".d.ts")] == []


def test_type_declarations_do_not_import_ts_sources(app: Path) -> None:
    declarations = list((app / "node_modules" / "@roomcast" / "sdk" / "dist").rglob("*.d.ts"))
    assert any(path.parent.name == "connection" for path in declarations)
    assert [path.name for path in declarations if '.ts"' in path.read_text()] == []


def test_typescript_finds_the_types_of_the_sdk(app: Path) -> None:
    (app / "index.ts").write_text(
        'import { connect } from "@roomcast/sdk";\n'
        'const client = connect({ url: "https://chat.example.com", token: async () => "token" });\n'
        'client.room("public:lobby").send({ text: "Hello" });\n'
        "// @ts-expect-error: a text is a string\n"
        'client.room("public:lobby").send({ text: 1 });\n'
    )
    options = ["--strict", "--noEmit", "--module", "nodenext", "--target", "es2022", "--lib", "es2023,dom", "index.ts"]
    run_in(app, "node", str(TYPESCRIPT), *options)
