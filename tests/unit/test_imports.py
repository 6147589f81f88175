"""Who may import whom: processes never each other, the contract nobody, adapter and engine nothing of the chat."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent.parent

MAY_IMPORT: Final[Mapping[str, tuple[str, ...]]] = {
    "contract": (),
    "process": ("contract",),
    "gateway.hotpath": (),
    "gateway.engineio": ("contract", "gateway.hotpath"),
    "gateway.adapter": ("contract", "gateway.engineio", "gateway.hotpath"),
    "gateway.stores": ("contract", "gateway.adapter", "gateway.hotpath", "gateway.presence"),
    "gateway": ("contract", "process"),
    "presence": ("contract", "process"),
    "media": ("contract", "process"),
    "deploy": ("contract",),
    "docs": ("contract", "process", "gateway", "presence", "media"),
}
"""A package's imports from this tree, besides itself. `loadtest` and `tests` import what they like; nobody them."""

OURS: Final = (*MAY_IMPORT, "loadtest", "tests")


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def package_of(module: str) -> str:
    """The row of the table that a module falls under: the longest that fits."""
    return max((package for package in MAY_IMPORT if is_within(module, package)), key=len)


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(source: str) -> Iterator[str]:
    """Every module that the source names in an import, inside functions too; `from a import b` is `a.b`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def strangers(module: str, source: str) -> list[str]:
    """What the module imports of this tree, and must not."""
    package = package_of(module)
    allowed = (package, *MAY_IMPORT[package])
    ours = (name for name in imported(source) if any(is_within(name, package) for package in OURS))
    return sorted(name for name in ours if not any(is_within(name, package) for package in allowed))


def sources() -> list[Path]:
    tops = sorted({package.partition(".")[0] for package in MAY_IMPORT})
    return [path for top in tops for path in sorted((ROOT / top).rglob("*.py"))]


def test_nobody_imports_a_stranger() -> None:
    found = {str(path.relative_to(ROOT)): strangers(module_of(path), path.read_text()) for path in sources()}
    assert len(found) > 100
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("module", "line", "stranger"),
    [
        ("presence.store", "from gateway.presence import Touch", "gateway.presence.Touch"),
        ("contract.backend", "import gateway.app", "gateway.app"),
        ("contract.keys", "from process import logs", "process.logs"),
        ("process.ops", "def f():\n    from media.observe import Metrics", "media.observe.Metrics"),
        ("gateway.adapter.link", "from gateway.chat import Chat", "gateway.chat.Chat"),
        ("gateway.engineio.core", "from gateway.adapter import RedisAdapter", "gateway.adapter.RedisAdapter"),
        ("gateway.hotpath.lane", "from contract import events", "contract.events"),
        ("media.app", "from tests import servers", "tests.servers"),
    ],
)
def test_a_stranger_is_noticed(module: str, line: str, stranger: str) -> None:
    assert strangers(module, line) == [stranger]


def test_what_is_allowed_is_left_alone() -> None:
    assert strangers("gateway.app", "import gateways\nfrom gateway.adapter import x\nfrom process import ops") == []
