"""The packed React hooks, installed in an empty folder: server-side rendering, and the content of the package."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from deploy.release.versions import current, for_npm
from tests.packages.environments import run_in

REACT = "19.3.1"

RENDER = """
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { RoomcastProvider, useConnection, useMessages } from "@roomcast/react";

let asked = 0;
function Lobby() {
  const { phase } = useConnection();
  const { messages } = useMessages("public:lobby");
  return createElement("p", null, `${phase} ${messages.length}`);
}
const options = { url: "http://127.0.0.1:9", token: () => `token ${asked++}` };
console.log(renderToString(createElement(RoomcastProvider, options, createElement(Lobby))), asked);
"""


@pytest.fixture(scope="module")
def app(npm_packages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an application folder that depends on both tarballs and React."""
    folder = tmp_path_factory.mktemp("app")
    packed = {f"@roomcast/{name}": f"file:{tarball}" for name, tarball in npm_packages.items()}
    dependencies = {**packed, "react": REACT, "react-dom": REACT}
    (folder / "package.json").write_text(json.dumps({"private": True, "type": "module", "dependencies": dependencies}))
    run_in(folder, "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts")
    return folder


def test_node_renders_the_hooks_without_a_connection_or_token(app: Path) -> None:
    (app / "render.mjs").write_text(RENDER)
    assert run_in(app, "node", "render.mjs") == "<p>connecting 0</p> 0\n"


def test_the_package_contains_one_client_module_and_no_copy_of_react(app: Path) -> None:
    package = app / "node_modules" / "@roomcast" / "react"
    manifest = json.loads((package / "package.json").read_text())
    assert manifest["version"] == for_npm(current())
    assert manifest.get("dependencies", {}) == {}
    assert manifest["peerDependencies"]["@roomcast/sdk"] == for_npm(current())
    assert [path.name for path in package.rglob("*.js")] == ["index.js"]
    code = (package / "dist" / "index.js").read_text()
    assert code.startswith('"use client";\n')
    assert set(re.findall(r' from "([^"]+)"', code)) == {"react", "@roomcast/sdk"}
    assert not (app / "node_modules" / "@roomcast" / "react" / "node_modules").exists()
