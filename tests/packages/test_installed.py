"""Each wheel in an empty environment: it installs only its own dependencies, can be imported, and has its commands."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.release.versions import current
from tests.packages.environments import Environment

Install = Callable[[str], Environment]

CHAT = {"roomcast-contract", "roomcast-process", "roomcast-gateway", "pyjwt"}
SERVERS = {"aiohttp", "uvloop", "prometheus-client", "pydantic", "structlog"}
MEDIA = {"aioboto3", "botocore", "pillow"}
SOCKETS = {"python-socketio", "python-engineio"}
TOOLS = {"circus", "locust", "pytest", "cython", "uvicorn", "fastapi"}

UNWANTED = {
    "roomcast-wire": CHAT | SERVERS | MEDIA | SOCKETS | TOOLS | {"redis", "hiredis"},
    "roomcast-contract[http]": SERVERS | MEDIA | SOCKETS | TOOLS | {"roomcast-process", "roomcast-adapter"},
    "roomcast-contract": SERVERS | MEDIA | SOCKETS | TOOLS | {"roomcast-process", "roomcast-adapter"},
    "roomcast-adapter": CHAT | SERVERS | MEDIA | TOOLS,
    "roomcast-adapter[aiohttp]": CHAT | (SERVERS - {"aiohttp"}) | MEDIA | TOOLS,
    "roomcast-process": MEDIA | SOCKETS | TOOLS | {"roomcast-contract", "roomcast-adapter", "redis", "pyjwt"},
    "roomcast-presence": MEDIA | SOCKETS | TOOLS | {"roomcast-adapter", "roomcast-gateway"},
    "roomcast-media": SOCKETS | TOOLS | {"roomcast-adapter", "roomcast-gateway"},
    "roomcast-api": MEDIA
    | SOCKETS
    | (TOOLS - {"fastapi", "uvicorn"})
    | {"roomcast-adapter", "roomcast-gateway", "httpx"},
    "roomcast-cli": SERVERS | MEDIA | SOCKETS | TOOLS | {"roomcast-adapter", "roomcast-process"},
    "roomcast-gateway": MEDIA | TOOLS | {"roomcast-media", "roomcast-presence"},
}
"""Requirement -> distributions that it must not install."""

PACKAGES = {
    "roomcast-wire": ("wire",),
    "roomcast-contract": ("contract",),
    "roomcast-adapter": ("adapter",),
    "roomcast-adapter[aiohttp]": ("adapter", "engineio", "hotpath", "socketio"),
    "roomcast-process": ("process",),
    "roomcast-presence": ("presence",),
    "roomcast-media": ("media",),
    "roomcast-api": ("api",),
    "roomcast-cli": ("cli",),
    "roomcast-gateway": ("gateway",),
}
"""Requirement -> packages below `roomcast` that it installs."""

IMPORT_ALL = """
import importlib, pkgutil, sys
import roomcast
OPTIONAL = {"roomcast.hotpath.compiled", "roomcast.contract.http_backend", "roomcast.contract.http_link"}
for name in sys.argv[1:]:
    folders = [f"{folder}/{name}" for folder in roomcast.__path__]
    package = importlib.import_module(f"roomcast.{name}")
    for module in pkgutil.walk_packages(package.__path__, f"roomcast.{name}."):
        if not module.name.endswith("__main__") and module.name not in OPTIONAL:
            importlib.import_module(module.name)
print(len([name for name in sys.modules if name.startswith("roomcast.")]))
"""


@pytest.mark.parametrize("requirement", UNWANTED)
def test_a_requirement_installs_no_unwanted_distribution(install: Install, requirement: str) -> None:
    packages = install(requirement).packages()
    assert packages[requirement.partition("[")[0]] == current()
    assert set(packages) & UNWANTED[requirement] == set()


@pytest.mark.parametrize("requirement", PACKAGES)
def test_every_module_can_be_imported(install: Install, requirement: str) -> None:
    environment = install(requirement)
    done = environment.run(environment.python, "-c", IMPORT_ALL, *PACKAGES[requirement])
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 5


def test_the_adapter_does_not_install_the_contract(install: Install) -> None:
    environment = install("roomcast-adapter[aiohttp]")
    done = environment.run(environment.python, "-c", "import roomcast.contract")
    assert "No module named 'roomcast.contract'" in done.stderr


@pytest.mark.parametrize("process", ["gateway", "presence", "media", "api"])
@pytest.mark.parametrize("how", ["command", "module"])
def test_help_lists_the_settings_of_a_process(install: Install, process: str, how: str) -> None:
    environment = install(f"roomcast-{process}")
    module: list[str | Path] = [environment.python, "-m", f"roomcast.{process}"]
    command: list[str | Path] = [environment.command(f"roomcast-{process}")]
    done = environment.run(*(command if how == "command" else module), "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "ROOMCAST_REDIS_URL" in done.stdout


@pytest.mark.parametrize("process", ["gateway", "presence", "media", "api"])
def test_a_process_without_settings_names_the_missing_redis_url(install: Install, process: str) -> None:
    environment = install(f"roomcast-{process}")
    done = environment.run(environment.command(f"roomcast-{process}"))
    assert done.returncode == 2
    assert done.stderr == f"roomcast {process}: ROOMCAST_REDIS_URL: field required\n"


def test_the_backend_command_signs_a_token(install: Install) -> None:
    environment = install("roomcast-contract")
    command = environment.command("roomcast-backend")
    assert environment.run(command, "--help").returncode == 0
    done = environment.run(command, "token", "--user", "ada", ROOMCAST_JWT_SECRET="s" * 32)
    assert (done.returncode, done.stdout.count(".")) == (0, 2)


def test_types_reach_a_program_that_uses_the_wheel(install: Install, tmp_path: Path) -> None:
    """A type checker sees the annotations of an installed package only if the package ships `py.typed`."""
    program = tmp_path / "program.py"
    program.write_text(
        "from roomcast.contract.tokens import sign\nreveal_type(sign('s' * 32, 'ada'))\nsign(1, 'ada')\n"
    )
    arguments = ["--strict", "--cache-dir", str(tmp_path / "cache"), "--python-executable"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *arguments, str(install("roomcast-contract").python), str(program)],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert 'Revealed type is "str"' in done.stdout.replace("builtins.", ""), done.stdout
    assert "[arg-type]" in done.stdout
