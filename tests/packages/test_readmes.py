"""The README of each distribution: its code runs in an environment with only the packages that the README installs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.layout import ROOT
from tests import health, s3, servers
from tests.packages.environments import Environment, bare_environment

Install = Callable[..., Environment]

SECRET = "at-least-32-bytes-that-your-back-end-shares"
REDIS_URL = "redis://localhost:6379/0"


def python_lines(name: str) -> str:
    """Return the first Python block of a distribution's README."""
    found = re.search(r"^```python\n(.*?)^```", (ROOT / name / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert found is not None, f"{name}/README.md shows no Python"
    return found[1]


def run_lines(environment: Environment, name: str, places: Mapping[str, str], **variables: str) -> str:
    """Run a README's lines with its documented addresses replaced by the test's; return their output."""
    program = python_lines(name)
    for documented, real in places.items():
        assert documented in program, f"{name}/README.md no longer names {documented}"
        program = program.replace(documented, real)
    path = environment.folder / f"readme_{name}.py"
    path.write_text(program)
    done = environment.run(environment.python, path, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_wire_readme_prints_the_output_in_its_comments(install: Install) -> None:
    said = run_lines(install("roomcast-wire"), "wire", {}).splitlines()
    comments = re.findall(r"print\(.*\)  # (.+)", python_lines("wire"))
    assert said == comments
    assert len(comments) == 3


def told(name: str) -> list[str]:
    """Return the output that a README's comments promise for its lines."""
    comments = re.findall(r"^(?:print\(.*)?\)  # (.+)", python_lines(name), re.MULTILINE)
    assert len(comments) >= 2
    return comments


@pytest.mark.parametrize("name", ["media", "presence", "api"])
def test_process_readme_prints_the_output_in_its_comments(install: Install, name: str) -> None:
    assert run_lines(install(f"roomcast-{name}"), name, {}).splitlines() == told(name)


def test_process_package_readme_prints_its_port_and_exits_with_2_without_settings(
    install: Install, redis_url: str
) -> None:
    environment, port = install("roomcast-process"), servers.free_port()
    variables = {"ROOMCAST_REDIS_URL": redis_url, "ROOMCAST_METRICS_PORT": str(port)}
    assert run_lines(environment, "process", {}, **variables) == f"ready on port {port}\n"
    failed = environment.run(environment.python, environment.folder / "readme_process.py")
    assert failed.returncode == 2
    assert "ROOMCAST_REDIS_URL" in failed.stderr


def test_contract_readme_signs_a_token_and_logs_a_repeated_message_once(install: Install, redis_url: str) -> None:
    places = {REDIS_URL: redis_url}
    environment = install("roomcast-contract")
    token, receipt = run_lines(environment, "contract", places, ROOMCAST_JWT_SECRET=SECRET).splitlines()
    assert token.count(".") == 2
    assert receipt == "1 False"
    assert run_lines(environment, "contract", places, ROOMCAST_JWT_SECRET=SECRET).splitlines()[1] == "1 True"


def shell_lines(name: str) -> tuple[list[str], str]:
    """Return the packages that a process's README installs, and the lines after that; the last starts the process."""
    text = (ROOT / name / "README.md").read_text()
    found = re.search(r"^( *)pip install ([\w -]+)\n((?:\1[^\s`].*\n)+)", text, re.MULTILINE)
    assert found is not None, f"{name}/README.md does not say how to start it"
    *settings, start = found[3].splitlines()
    return found[2].split(), "\n".join([*settings, f"exec {start.strip()}"])


@contextmanager
def started(install: Install, name: str, places: Mapping[str, str], **ports: str) -> Iterator[Path]:
    """Run a README's shell lines with other addresses; when the process is ready, yield the file with its output."""
    requirements, script = shell_lines(name)
    for documented, real in places.items():
        assert documented in script, f"{name}/README.md no longer names {documented}"
        script = script.replace(documented, real)
    environment, port = install(*requirements), servers.free_port()
    path = f"{environment.folder / 'bin'}:{os.environ['PATH']}"
    settings = bare_environment({**ports, "ROOMCAST_METRICS_PORT": str(port), "PATH": path})
    said = environment.folder / f"{name}.said"
    with said.open("wb") as file:
        process = subprocess.Popen(["bash", "-e", "-c", script], env=settings, stdout=file, stderr=subprocess.STDOUT)
    try:
        servers.wait_until(lambda: health.is_ready(port), f"roomcast-{name}")
        yield said
    finally:
        servers.stop(process)
    assert process.returncode == 0, said.read_text()


def test_presence_readme_starts_the_sweeper(install: Install, redis_url: str) -> None:
    with started(install, "presence", {REDIS_URL: redis_url}) as said:
        assert '"event": "started"' in said.read_text()


def test_media_readme_starts_the_signer(install: Install, redis_url: str, tmp_path: Path) -> None:
    with s3.s3_server_on(tmp_path) as storage:
        keys = f"AWS_ACCESS_KEY_ID={s3.ACCESS_KEY} AWS_SECRET_ACCESS_KEY={s3.SECRET_KEY}"
        places = {"http://localhost:9000": storage.endpoint, "AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…": keys}
        with started(install, "media", {REDIS_URL: redis_url, **places}) as said:
            assert '"event": "media signer runs"' in said.read_text()


def test_api_readme_starts_the_api_and_makes_a_key_that_may_publish(install: Install, redis_url: str) -> None:
    port = str(servers.free_port())
    with started(install, "api", {REDIS_URL: redis_url}, ROOMCAST_PORT=port) as said:
        (key,) = re.findall(r"rck_\S+", said.read_text())
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/rooms/public:lobby/messages",
            data=json.dumps({"user": "billing", "text": "Invoice 17 is paid"}).encode(),
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert json.load(answer)["seq"] == 1


@pytest.fixture
def gateway_url(install: Install, redis_url: str) -> Iterator[str]:
    port = str(servers.free_port())
    with started(install, "gateway", {REDIS_URL: redis_url, SECRET: SECRET}, ROOMCAST_PORT=port):
        yield f"http://127.0.0.1:{port}"


def test_gateway_readme_joins_a_room_and_sends_a_message(install: Install, gateway_url: str) -> None:
    places = {"http://localhost:8181": gateway_url}
    said = run_lines(install("roomcast-gateway"), "gateway", places, ROOMCAST_JWT_SECRET=SECRET)
    joined, sent = said.splitlines()
    assert "'ok': True" in joined
    assert "'seq': 1" in sent


def test_relative_links_of_readmes_point_to_existing_files() -> None:
    for readme in ROOT.glob("*/README.md"):
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[\w-]*)?\)", readme.read_text()):
            assert target.startswith("http") or (readme.parent / target).exists(), f"{readme}: {target}"
