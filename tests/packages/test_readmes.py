"""The README of each distribution: its Python lines run in an environment that holds only the wheel."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest

from deploy.layout import ROOT
from tests import health, servers
from tests.packages.environments import Environment, bare_environment

Install = Callable[[str], Environment]

SECRET = "a secret of the tests longer than 32 bytes"


def python_lines(name: str) -> str:
    """Return the first Python block of a distribution's README."""
    found = re.search(r"^```python\n(.*?)^```", (ROOT / name / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert found is not None, f"{name}/README.md shows no Python"
    return found[1]


def run_lines(environment: Environment, name: str, places: Mapping[str, str], **variables: str) -> str:
    """Run a README's lines with its documented addresses replaced by the test's; return what they print."""
    program = python_lines(name)
    for documented, real in places.items():
        assert documented in program, f"{name}/README.md no longer names {documented}"
        program = program.replace(documented, real)
    path = environment.folder / f"readme_{name}.py"
    path.write_text(program)
    done = environment.run(environment.python, path, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_wire(install: Install) -> None:
    said = run_lines(install("roomcast-wire"), "wire", {}).splitlines()
    comments = re.findall(r"print\(.*\)  # (.+)", python_lines("wire"))
    assert said == comments
    assert len(comments) == 3


def told(name: str) -> list[str]:
    """Return what the comments of a README say that its lines print."""
    comments = re.findall(r"^(?:print\(.*)?\)  # (.+)", python_lines(name), re.MULTILINE)
    assert len(comments) >= 2
    return comments


@pytest.mark.parametrize("name", ["media", "presence", "api"])
def test_rules_of_a_process(install: Install, name: str) -> None:
    assert run_lines(install(f"roomcast-{name}"), name, {}).splitlines() == told(name)


def test_process(install: Install, redis_url: str) -> None:
    environment, port = install("roomcast-process"), servers.free_port()
    variables = {"ROOMCAST_REDIS_URL": redis_url, "ROOMCAST_METRICS_PORT": str(port)}
    assert run_lines(environment, "process", {}, **variables) == f"ready on port {port}\n"
    failed = environment.run(environment.python, environment.folder / "readme_process.py")
    assert failed.returncode == 2
    assert "ROOMCAST_REDIS_URL" in failed.stderr


def test_contract(install: Install, redis_url: str) -> None:
    places = {"redis://localhost:6379/0": redis_url}
    environment = install("roomcast-contract")
    token, receipt = run_lines(environment, "contract", places, ROOMCAST_JWT_SECRET=SECRET).splitlines()
    assert token.count(".") == 2
    assert receipt == "1 False"
    assert run_lines(environment, "contract", places, ROOMCAST_JWT_SECRET=SECRET).splitlines()[1] == "1 True"


@contextmanager
def running(environment: Environment, name: str, **variables: str) -> Iterator[int]:
    """Run an installed process with the test's settings; yield the port of its health pages once it is ready."""
    port = servers.free_port()
    settings = bare_environment({**variables, "ROOMCAST_METRICS_PORT": str(port)})
    with (environment.folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen([environment.command(f"roomcast-{name}")], env=settings, stdout=log, stderr=log)
    try:
        servers.wait_until(lambda: health.is_ready(port), f"roomcast-{name}")
        yield port
    finally:
        servers.stop(process)
    assert process.returncode == 0, (environment.folder / f"{name}.log").read_text()


@pytest.fixture
def gateway_url(install: Install, redis_url: str) -> Iterator[str]:
    port = str(servers.free_port())
    settings = {"ROOMCAST_REDIS_URL": redis_url, "ROOMCAST_JWT_SECRET": SECRET, "ROOMCAST_PORT": port}
    with running(install("roomcast-gateway"), "gateway", **settings):
        yield f"http://127.0.0.1:{port}"


def test_gateway(install: Install, gateway_url: str) -> None:
    places = {"http://localhost:8181": gateway_url}
    said = run_lines(install("roomcast-gateway"), "gateway", places, ROOMCAST_JWT_SECRET=SECRET)
    joined, sent = said.splitlines()
    assert "'ok': True" in joined
    assert "'seq': 1" in sent


def test_readme_paths_lead_somewhere() -> None:
    for readme in ROOT.glob("*/README.md"):
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[\w-]*)?\)", readme.read_text()):
            assert target.startswith("http") or (readme.parent / target).exists(), f"{readme}: {target}"
