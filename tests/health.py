"""Requests to the health port of a process under test."""

from __future__ import annotations

import ssl
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from deploy import tools


def request(
    url: str, body: bytes | None = None, method: str | None = None, trust: Path | None = None
) -> tuple[int, str]:
    """Return status and body; the status is 0 while no process listens. `trust`: the authority of an https URL."""
    context = None if trust is None else ssl.create_default_context(cafile=str(trust))
    try:
        asked = urllib.request.Request(url, body, method=method)
        with urllib.request.urlopen(asked, timeout=3, context=context) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def get(port: int, path: str, trust: Path | None = None) -> tuple[int, str]:
    """Return status and body of a page; status 0 while no process listens. `trust`: the authority, if it uses TLS."""
    return request(f"{'http' if trust is None else 'https'}://127.0.0.1:{port}{path}", trust=trust)


def is_ready(port: int, trust: Path | None = None) -> bool:
    return get(port, "/readyz", trust)[0] == 200


def metric(port: int, sample: str) -> float:
    """Return the value of one sample, named with its labels; 0 when it is missing."""
    for row in get(port, "/metrics")[1].splitlines():
        if row.startswith(sample + " "):
            return float(row.rsplit(" ", 1)[1])
    return 0.0


def complaints(metrics: str) -> str:
    """Return promtool's complaints about a metrics page ('' for none); skip the test without promtool."""
    try:
        promtool = tools.require("promtool")
    except tools.MissingTool as error:
        pytest.skip(str(error))
    done = subprocess.run([promtool, "check", "metrics"], input=metrics, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr or ("" if done.returncode == 0 else f"exit status {done.returncode}")
