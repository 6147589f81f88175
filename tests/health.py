"""What a process under test says on its health port."""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.request

import pytest

from deploy import tools


def request(url: str, body: bytes | None = None, method: str | None = None) -> tuple[int, str]:
    """Status and body; 0 while nobody listens."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, method=method), timeout=3) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def get(port: int, path: str) -> tuple[int, str]:
    """Status and body of a page; 0 while nobody listens."""
    return request(f"http://127.0.0.1:{port}{path}")


def is_ready(port: int) -> bool:
    return get(port, "/readyz")[0] == 200


def metric(port: int, sample: str) -> float:
    """The value of one sample, named with its labels; 0 when it is not there."""
    for row in get(port, "/metrics")[1].splitlines():
        if row.startswith(sample + " "):
            return float(row.rsplit(" ", 1)[1])
    return 0.0


def complaints(metrics: str) -> str:
    """What promtool has to say about a scrape; skips the test where there is no promtool."""
    try:
        promtool = tools.require("promtool")
    except tools.MissingTool as error:
        pytest.skip(str(error))
    done = subprocess.run([promtool, "check", "metrics"], input=metrics, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr or ("" if done.returncode == 0 else f"exit status {done.returncode}")
