"""Write the version in the file `VERSION` into every manifest that must repeat it.

npm reads a version only from `package.json`, and an sdist does not contain `VERSION`, so each manifest contains the
version as plain text. To change the version, edit `VERSION` and run `make version`. A test fails if a manifest has
another version.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from deploy.layout import ROOT

VERSION_FILE: Final = ROOT / "VERSION"
DISTRIBUTIONS: Final = ("wire", "contract", "adapter", "process", "gateway", "presence", "media", "api", "cli")
"""The folders of the Python distributions: the folder `x` contains the distribution `roomcast-x`."""

_RELEASE: Final = re.compile(r"\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?")
_OWN_VERSION: Final = re.compile(r'^version = "[^"]*"$', re.MULTILINE)
_NODE_VERSION: Final = re.compile(r'^(  "version": ")[^"]*(")', re.MULTILINE)
_NODE_PIN: Final = re.compile(r'("@roomcast/[a-z]+": ")[^"]*(")')
_INNER_PIN: Final = re.compile(r'"(roomcast-[a-z]+(?:\[[a-z,]+\])?)(?:==[^"]*)?"')


def current() -> str:
    """Return the version of this checkout; raise ValueError when `VERSION` does not contain a version."""
    text = VERSION_FILE.read_text().strip()
    if not _RELEASE.fullmatch(text):
        raise ValueError(f"{VERSION_FILE.name} contains {text!r}, which is no version: write 1.2.3, or 1.2.3rc1")
    return text


def for_npm(version: str) -> str:
    """Return a Python version as npm writes it: `1.2.3rc1` is `1.2.3-rc.1`."""
    return re.sub(r"(a|b|rc)(\d+)$", r"-\1.\2", version)


def stamped(root: Path = ROOT, version: str | None = None) -> dict[Path, str]:
    """Return the text that each manifest should have, by path."""
    wanted = version or current()
    texts = {path: _python_manifest(path.read_text(), wanted) for path in _python_manifests(root)}
    texts |= {path: _node_manifest(path.read_text(), for_npm(wanted)) for path in _node_manifests(root)}
    lock = root / "web" / "package-lock.json"
    return texts | {lock: _node_lock(lock.read_text(), for_npm(wanted))}


def stamp(root: Path = ROOT) -> list[Path]:
    """Write the version into the manifests that differ, and return their paths."""
    changed = [(path, text) for path, text in stamped(root).items() if text != path.read_text()]
    for path, text in changed:
        path.write_text(text)
    return [path for path, _ in changed]


def _python_manifests(root: Path) -> list[Path]:
    return [root / "pyproject.toml", *(root / name / "pyproject.toml" for name in DISTRIBUTIONS)]


def _node_manifests(root: Path) -> list[Path]:
    top = root / "web" / "package.json"
    return [top, *(root / "web" / name / "package.json" for name in json.loads(top.read_text())["workspaces"])]


def _python_manifest(text: str, version: str) -> str:
    """Set the distribution's version, and pin the distributions of this repository that it needs."""
    text = _OWN_VERSION.sub(f'version = "{version}"', text, count=1)
    head, mark, tail = text.partition("\ndependencies = [")
    needed, end, rest = tail.partition("\n]")
    return head + mark + _INNER_PIN.sub(rf'"\1=={version}"', needed) + end + rest


def _node_manifest(text: str, version: str) -> str:
    """Set the version of a package.json, and the versions of this repository's packages that it needs."""
    text = _NODE_VERSION.sub(rf"\g<1>{version}\2", text, count=1)
    return _NODE_PIN.sub(rf"\g<1>{version}\2", text)


def _node_lock(text: str, version: str) -> str:
    """Set the versions of the packages of this repository in a package-lock.json."""
    lock: dict[str, Any] = json.loads(text)
    for folder, entry in (("", lock), *lock["packages"].items()):
        if "node_modules" in folder:
            continue
        if "version" in entry:
            entry["version"] = version
        for kind in ("dependencies", "peerDependencies"):
            entry.get(kind, {}).update({name: version for name in entry.get(kind, {}) if name.startswith("@roomcast/")})
    return json.dumps(lock, indent=2, ensure_ascii=False) + "\n"
