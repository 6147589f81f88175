"""The documents say what the code says."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import msgspec
import pytest

from docs import tables
from roomcast.contract import events
from roomcast.contract.errors import Code

README = (tables.ROOT / "README.md").read_text()
PROTOCOL = (tables.ROOT / "docs" / "protocol.md").read_text()
DOCUMENTS = tables.documents()


def named(path: Path) -> str:
    return str(path.relative_to(tables.ROOT))


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_tables_are_as_the_code_has_it(path: Path) -> None:
    text = path.read_text()
    assert text == tables.filled(text), "run: python -m docs.tables"


def test_the_configuration_table_names_exactly_the_variables() -> None:
    block = README.split("<!-- table: configuration -->")[1].split("<!-- end of table -->")[0]
    listed = re.findall(r"^\| `([A-Z0-9_]+)` \|", block, re.MULTILINE)
    read = {name for settings in tables.PROCESSES.values() for name in tables.variables(settings)}
    assert len(listed) == len(set(listed))
    assert set(listed) == read


def test_every_variable_named_anywhere_exists() -> None:
    read = {name for settings in tables.PROCESSES.values() for name in tables.variables(settings)}
    for path in DOCUMENTS:
        named_there = set(re.findall(r"\bROOMCAST_[A-Z0-9_]*[A-Z0-9]\b", path.read_text()))
        assert named_there <= read | {
            "ROOMCAST_URL",
            "ROOMCAST_ADAPTER_REDIS_URL",
            "ROOMCAST_API_URL",
            "ROOMCAST_API_KEY",
        }, named(path)


def rows(section: str) -> dict[str, str]:
    """The rows of the first table of a section of the protocol, by the name in their first cell."""
    text = PROTOCOL.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return {match[1]: match[0] for match in re.finditer(r"^\| `([\w:]+)` \|.*$", text, re.MULTILINE)}


@pytest.mark.parametrize("event", events.EVENTS)
def test_every_client_event_is_described_with_its_fields(event: str) -> None:
    payload = rows("Client → server")[event].split(" | ")[1]
    for field in msgspec.structs.fields(events.EVENTS[event]):
        mark = "" if field.required else r"\?"
        assert re.search(rf"\b{field.name}{mark}(?![\w?])", payload), f"{event}: {field.name}"


def test_no_event_is_described_that_is_not_there() -> None:
    assert set(rows("Client → server")) == set(events.EVENTS)
    described = set(rows("Server → client"))
    assert set(events.SERVER_EVENTS) <= described
    assert described - set(events.SERVER_EVENTS) == {
        "edited", "deleted", "superseded", "people", "invited", "direct", "removed", "closed", "muted", "slow",
        "updated", "role",
    }  # fmt: skip


def test_every_error_is_described() -> None:
    block = PROTOCOL.split("<!-- table: errors -->")[1].split("<!-- end of table -->")[0]
    for code in Code:
        assert f"| {code.number} | `{code.reason}` | {'yes' if code.retryable else 'no'} |" in block


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[\w-]*)?\)", path.read_text()):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


def python_blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_python_examples_use_what_exists() -> None:
    assert python_blocks()
    for block in python_blocks():
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("roomcast."):
                module = importlib.import_module(node.module or "")
                assert all(hasattr(module, name.name) for name in node.names), node.module


def test_the_make_targets_named_exist() -> None:
    makefile = (tables.ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE))
    for path in DOCUMENTS:
        assert set(re.findall(r"`make ([a-z0-9-]+)", path.read_text())) <= targets, named(path)
