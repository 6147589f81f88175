"""Every package imports only the packages that the table MAY_IMPORT allows, and no modules import each other.

For example, no process imports another.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent.parent

MAY_IMPORT: Final[Mapping[str, tuple[str, ...]]] = {
    "roomcast.wire": (),
    "roomcast.contract": ("roomcast.wire",),
    "roomcast.process": ("roomcast.contract", "roomcast.wire"),
    "roomcast.hotpath": (),
    "roomcast.engineio": ("roomcast.wire", "roomcast.hotpath"),
    "roomcast.socketio": ("roomcast.wire", "roomcast.engineio", "roomcast.hotpath"),
    "roomcast.adapter": ("roomcast.wire", "roomcast.engineio", "roomcast.hotpath"),
    "roomcast.gateway": (
        "roomcast.wire",
        "roomcast.contract",
        "roomcast.process",
        "roomcast.adapter",
        "roomcast.engineio",
        "roomcast.socketio",
        "roomcast.hotpath",
    ),
    "roomcast.presence": ("roomcast.wire", "roomcast.contract", "roomcast.process"),
    "roomcast.api": ("roomcast.wire", "roomcast.contract", "roomcast.process"),
    "roomcast.cli": ("roomcast.wire", "roomcast.contract"),
    "roomcast.media": ("roomcast.wire", "roomcast.contract", "roomcast.process"),
    "deploy": ("roomcast.contract", "roomcast.wire", "roomcast.hotpath"),
    "docs": ("roomcast",),
}
"""Package -> the packages that it may import. `loadtest` and `tests` may import all, and no package imports them."""

OURS: Final = (*MAY_IMPORT, "loadtest", "tests")
SOURCES: Final = tuple(sorted(ROOT.glob("*/src")))


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def package_of(module: str) -> str:
    """Return the package of a module in the table: the longest name that matches."""
    return max((package for package in MAY_IMPORT if is_within(module, package)), key=len)


def module_of(path: Path) -> str:
    base = next((folder for folder in SOURCES if path.is_relative_to(folder)), ROOT)
    return ".".join(path.relative_to(base).with_suffix("").parts).removesuffix(".__init__")


def imported(source: str) -> Iterator[str]:
    """Yield every module that the source imports, also inside functions; `from a import b` counts as `a.b`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def forbidden_imports(module: str, source: str) -> list[str]:
    """Return the forbidden imports of a module, among the modules of this tree."""
    package = package_of(module)
    allowed = (package, *MAY_IMPORT[package])
    ours = (name for name in imported(source) if any(is_within(name, package) for package in OURS))
    return sorted(name for name in ours if not any(is_within(name, package) for package in allowed))


def sources() -> list[Path]:
    return [path for folder in (*SOURCES, ROOT / "deploy", ROOT / "docs") for path in sorted(folder.rglob("*.py"))]


def test_every_module_has_only_allowed_imports() -> None:
    found = {str(path.relative_to(ROOT)): forbidden_imports(module_of(path), path.read_text()) for path in sources()}
    assert len(found) > 100
    assert {path: names for path, names in found.items() if names} == {}


def import_graph(texts: Mapping[str, str]) -> dict[str, set[str]]:
    """Return module -> the modules of `texts` and others that it imports, also inside functions."""
    return {
        module: {name if name in texts else name.rpartition(".")[0] for name in imported(text)} - {module}
        for module, text in texts.items()
    }


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = import_graph({module_of(path): path.read_text() for path in sources()})
    assert sum(map(len, graph.values())) > 1000
    TopologicalSorter(graph).prepare()  # raises CycleError with the names of the modules


def test_a_circle_of_imports_is_found() -> None:
    texts = {"a.one": "from a.two import f", "a.two": "def f():\n    from a import three", "a.three": "import a.one"}
    with pytest.raises(CycleError):
        TopologicalSorter(import_graph(texts)).prepare()


@pytest.mark.parametrize(
    ("module", "line", "forbidden"),
    [
        ("roomcast.presence.store", "from roomcast.gateway.app import run", "roomcast.gateway.app.run"),
        ("roomcast.contract.backend", "import roomcast.gateway.app", "roomcast.gateway.app"),
        ("roomcast.contract.keys", "from roomcast.process import logs", "roomcast.process.logs"),
        (
            "roomcast.process.health_server",
            "def f():\n    from roomcast.media.metrics import Metrics",
            "roomcast.media.metrics.Metrics",
        ),
        (
            "roomcast.adapter.fanout",
            "from roomcast.gateway.chat.rooms import Rooms",
            "roomcast.gateway.chat.rooms.Rooms",
        ),
        ("roomcast.adapter.fanout", "from roomcast.contract import keys", "roomcast.contract.keys"),
        ("roomcast.engineio.core", "from roomcast.adapter import RedisAdapter", "roomcast.adapter.RedisAdapter"),
        ("roomcast.media.app", "from tests import servers", "tests.servers"),
    ],
)
def test_a_forbidden_import_is_found(module: str, line: str, forbidden: str) -> None:
    assert forbidden_imports(module, line) == [forbidden]


def test_allowed_imports_are_accepted() -> None:
    source = "import gateways\nfrom roomcast.adapter import x\nfrom roomcast.process import logs"
    assert forbidden_imports("roomcast.gateway.app", source) == []
