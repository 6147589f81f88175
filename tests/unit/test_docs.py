"""README.md and the documents in docs/ agree with the code."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import msgspec
import pytest
from multidict import CIMultiDict
from pydantic import TypeAdapter

from deploy.cluster import Cluster
from docs import tables
from roomcast.cli.__main__ import main as operator_command
from roomcast.contract.errors import Code
from roomcast.contract.events.client_events import EVENTS
from roomcast.contract.events.server_events import SERVER_EVENTS
from roomcast.contract.signatures import signed_headers
from roomcast.gateway.publish_hook.settings import PublishHookSetting

README = (tables.ROOT / "README.md").read_text()
PROTOCOL = (tables.ROOT / "docs" / "protocol.md").read_text()
DOCUMENTS = tables.documents()


def named(path: Path) -> str:
    return str(path.relative_to(tables.ROOT))


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_generated_tables_are_current(path: Path) -> None:
    text = path.read_text()
    assert text == tables.filled(text), "run: python -m docs.tables"


def test_the_configuration_table_lists_exactly_the_variables_of_the_code() -> None:
    block = README.split("<!-- table: configuration -->")[1].split("<!-- end of table -->")[0]
    listed = re.findall(r"^\| `([A-Z0-9_]+)` \|", block, re.MULTILINE)
    read = {name for settings in tables.PROCESSES.values() for name in tables.variables(settings)}
    assert len(listed) == len(set(listed))
    assert set(listed) == read


def test_every_variable_in_a_document_exists() -> None:
    read = {name for settings in tables.PROCESSES.values() for name in tables.variables(settings)}
    for path in DOCUMENTS:
        mentioned = set(re.findall(r"\bROOMCAST_[A-Z0-9_]*[A-Z0-9]\b", path.read_text()))
        assert mentioned <= read | {
            "ROOMCAST_URL",
            "ROOMCAST_ADAPTER_REDIS_URL",
            "ROOMCAST_ADMIN_REDIS_URL",
            "ROOMCAST_API_URL",
            "ROOMCAST_API_KEY",
        }, named(path)


def rows(section: str) -> dict[str, str]:
    """Return the rows of the first table in a section of the protocol, keyed by the name in the first cell."""
    text = PROTOCOL.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return {match[1]: match[0] for match in re.finditer(r"^\| `([\w:]+)` \|.*$", text, re.MULTILINE)}


@pytest.mark.parametrize("event", EVENTS)
def test_every_client_event_is_described_with_its_fields(event: str) -> None:
    payload = rows("Client → server")[event].split(" | ")[1]
    for field in msgspec.structs.fields(EVENTS[event]):
        mark = "" if field.required else r"\?"
        assert re.search(rf"\b{field.name}{mark}(?![\w?])", payload), f"{event}: {field.name}"


def test_every_described_event_exists() -> None:
    assert set(rows("Client → server")) == set(EVENTS)
    described = set(rows("Server → client"))
    assert set(SERVER_EVENTS) <= described
    assert described - set(SERVER_EVENTS) == {
        "edited", "deleted", "superseded", "people", "invited", "direct", "removed", "closed", "muted", "slow",
        "updated", "role",
    }  # fmt: skip


def test_every_error_is_described() -> None:
    block = PROTOCOL.split("<!-- table: errors -->")[1].split("<!-- end of table -->")[0]
    for code in Code:
        assert f"| {code.number} | `{code.reason}` | {'yes' if code.retryable else 'no'} |" in block


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_links_lead_to_existing_targets(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[\w-]*)?\)", path.read_text()):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


def block_of(page: str, language: str) -> str:
    """Return the code block of this language on a page that has only one."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", (tables.ROOT / page).read_text(), re.DOTALL | re.MULTILINE)
    return str(found)


def test_the_publish_hook_examples_of_the_operations_page_work() -> None:
    setting = TypeAdapter(PublishHookSetting).validate_python(block_of("docs/operations.md", "json").strip())
    assert setting is not None
    assert (setting.rooms, setting.on_failure) == (("team:*",), "refuse")
    *lines, expression = block_of("docs/operations.md", "python").strip().splitlines()
    body = b"{}"
    for secret, is_right in ((setting.secret.get_secret_value(), True), ("another secret of thirty-two bytes", False)):
        headers = CIMultiDict(signed_headers(setting.secret.get_secret_value(), time.time(), body))
        names: dict[str, Any] = {
            "secret": secret,
            "body": body,
            "time": time,
            "request": SimpleNamespace(headers=headers),
        }
        exec("\n".join(lines), names)
        assert eval(expression, names) is is_right


def test_the_cluster_example_of_the_contributing_page_uses_existing_names() -> None:
    tree = ast.parse(block_of("CONTRIBUTING.md", "python"))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert len(used) >= 5
    names = set(dir(Cluster)) | {"url"}
    assert used <= names, used - names


def test_the_operator_commands_are_valid() -> None:
    lines = [line for line in block_of("cli/README.md", "sh").splitlines() if line.startswith("roomcast ")]
    assert len(lines) > 15
    for line in lines:
        _, *words = shlex.split(line, comments=True)
        command: click.Command = operator_command
        context = command.make_context("roomcast", words)
        while isinstance(command, click.Group):
            name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            assert found is not None, line
            command, context = found, found.make_context(name, rest, parent=context)


LOCUST = """
import json, shlex, sys
import loadtest.locustfile, loadtest.stages
from locust.argument_parser import parse_options
for line in json.load(sys.stdin):
    parse_options(args=shlex.split(line, comments=True)[1:])
"""
"""A script for a separate process, because locust replaces parts of the standard library."""


def test_the_load_test_commands_are_valid() -> None:
    text = (tables.ROOT / "docs" / "load-testing.md").read_text().replace("\\\n", " ")
    lines = re.findall(r"^locust .*$", text, re.MULTILINE)
    assert len(lines) >= 5
    command = [sys.executable, "-c", LOCUST]
    done = subprocess.run(
        command, input=json.dumps(lines), cwd=tables.ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_every_make_target_in_a_document_exists() -> None:
    makefile = (tables.ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE))
    named_in = {named(path): set(re.findall(r"`make ([a-z0-9-]+)", path.read_text())) for path in DOCUMENTS}
    assert len(set().union(*named_in.values())) > 5
    assert {name: words - targets for name, words in named_in.items() if words - targets} == {}
