"""The shell blocks of the runbook run as printed: `rc` on a real Redis, and the two looks at a process."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from roomcast.hotpath import build
from tests.documented_commands import RUNBOOK
from tests.servers import find_tool

KEY = "the cluster key of this deployment"


def block(word: str) -> str:
    """Return the runbook's shell block that contains a word."""
    (found,) = [each for each in re.findall(r"^ *```sh\n(.*?)^ *```", RUNBOOK.read_text(), re.M | re.S) if word in each]
    return str(found)


def run(script: str, **variables: str) -> str:
    """Run a script with the checkout's programs; return its output."""
    path = f"{Path(find_tool('redis-cli')).parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, **variables}
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_rc_sends_commands_to_redis(redis_url: str) -> None:
    assert run(f"{block('rc()')}\nrc ping", ROOMCAST_ADMIN_REDIS_URL=redis_url) == "PONG\n"


def test_the_processes_with_the_same_cluster_key_print_the_same_line() -> None:
    script = block("ROOMCAST_CLUSTER_KEY").replace("PID", "$$")
    said = [run(script, ROOMCAST_CLUSTER_KEY=key) for key in (KEY, KEY, "another key")]
    assert said[0] == said[1] != said[2]
    assert said[0].split()[0] == hashlib.sha256(f"ROOMCAST_CLUSTER_KEY={KEY}\n".encode()).hexdigest()


def test_a_complete_extension_prints_nothing() -> None:
    if build.missing():
        pytest.skip(str(build.missing()))
    assert run(block("ROOMCAST_HOTPATH=compiled")) == ""
