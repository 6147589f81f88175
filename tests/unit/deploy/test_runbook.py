"""The runbook's commands for systemd and Docker Compose name units, services and files that exist.

tests/chart has the test of its commands for Kubernetes.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import pytest
import yaml

from deploy.layout import ROOT
from tests.documented_commands import RUNBOOK, commands

TEXT: Final = RUNBOOK.read_text()
COMPOSE: Final = ROOT / "deploy" / "compose.yaml"
UNITS: Final = sorted((ROOT / "deploy" / "systemd").iterdir())
OPTIONS: Final = {"-f": 1, "-n": 1, "-u": 1, "-d": 0}
"""The options that the runbook uses, with their numbers of arguments."""


def names(arguments: list[str]) -> list[str]:
    """Return the arguments that are no options and do not belong to one."""
    found, rest = [], iter(arguments)
    for argument in rest:
        if argument.startswith("-"):
            for _ in range(OPTIONS[argument]):
                next(rest)
        else:
            found.append(argument)
    return found


def unit_file(unit: str) -> str:
    """Return the name of the file that defines a unit: that of the template for an instance."""
    return re.sub(r"@[^.]+", "@", unit.removesuffix(".service")) + ".service"


def test_every_systemd_unit_of_the_runbook_is_shipped() -> None:
    calls = [names(call) for call in commands(TEXT, "systemctl")]
    units = [unit for _, *units in calls for unit in units]
    units += [call[call.index("-u") + 1] for call in commands(TEXT, "journalctl")]
    shipped = [path.name for path in UNITS]
    assert {verb for verb, *_ in calls} == {"status", "restart"}
    for unit in units:
        if "*" in unit:
            assert all(fnmatch(name, unit) for name in shipped), unit
        else:
            assert unit_file(unit) in shipped
    assert len(units) >= 3


def test_every_environment_file_of_the_runbook_is_read_by_a_unit_or_a_service() -> None:
    named = set(re.findall(r"/etc/roomcast/[\w.]+", TEXT))
    read = {path for unit in UNITS for path in re.findall(r"^EnvironmentFile=(.+)$", unit.read_text(), re.MULTILINE)}
    assert named
    assert named <= read
    services = yaml.safe_load(COMPOSE.read_text())["services"].values()
    files = {each["env_file"].removeprefix("../") for each in services if "env_file" in each}
    named = set(re.findall(r"\.state/compose/[\w.]+", TEXT))
    assert named
    assert named <= files


def test_every_service_of_the_runbook_is_in_the_compose_file() -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    calls = list(commands(TEXT, "docker compose"))
    assert len(calls) >= 4
    for call in calls:
        assert call[:2] == ["-f", "deploy/compose.yaml"]
        verb, *wanted = names(call)
        assert verb in ("ps", "logs", "restart", "up")
        assert set(wanted) <= set(services)


def test_each_unit_starts_a_command_that_a_package_installs() -> None:
    scripts = {
        name
        for project in ROOT.glob("*/pyproject.toml")
        for name in tomllib.loads(project.read_text())["project"].get("scripts", ())
    }
    started = {name for unit in UNITS for name in re.findall(r"/opt/roomcast/bin/([\w-]+)", unit.read_text())}
    assert len(started) == len(UNITS)
    assert started <= scripts


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    programs = tmp_path / "bin"
    programs.mkdir()
    for unit in UNITS:
        text = unit.read_text()
        for name in re.findall(r"/opt/roomcast/bin/([\w-]+)", text):
            (programs / name).touch(0o755)
        target = tmp_path / unit.name.replace("@.", "@1.")
        target.write_text(text.replace("/opt/roomcast/bin", str(programs)))
    units = sorted(tmp_path.glob("*.service"))
    done = subprocess.run(
        [analyze, "verify", "--man=no", *units], check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
