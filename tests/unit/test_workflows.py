"""CI and hooks call existing commands, and CI covers every supported version of Python and Node."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
import yaml

from deploy.layout import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def load(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_calls_only_targets_of_the_makefile(path: Any) -> None:
    jobs = yaml.safe_load(path.read_text())["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert commands
    for command in commands:
        words = command.split()
        assert words[0] == "make", command
        assert words[1] in TARGETS, command


def test_every_supported_python_is_checked_with_both_builds() -> None:
    matrix = load(".github/workflows/ci.yml")["jobs"]["check"]["strategy"]["matrix"]
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    assert matrix["python"][0] == oldest
    minors = [int(version.split(".")[1]) for version in matrix["python"]]
    assert minors == list(range(minors[0], minors[0] + len(minors)))
    assert set(matrix["build"]) == {"compiled", "plain"}


def test_every_supported_node_runs_the_tests() -> None:
    include = load(".github/workflows/ci.yml")["jobs"]["test"]["strategy"]["matrix"]["include"]
    assert {row["node"] for row in include} == {"20", "22"}


def test_the_hooks_run_only_tools_that_make_setup_installs() -> None:
    [repository] = load(".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    assert repository["hooks"]
    for hook in repository["hooks"]:
        assert hook["entry"].split()[0] in {".venv/bin/python", "npm"}, hook["id"]
        assert re.compile(hook.get("files", "")) is not None


@pytest.mark.parametrize("name", ["bug.yml", "feature.yml"])
def test_the_fields_of_an_issue_form_have_unique_ids_and_labels(name: str) -> None:
    form = load(f".github/ISSUE_TEMPLATE/{name}")
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields) >= 3
    assert all(field["attributes"]["label"] for field in fields)
