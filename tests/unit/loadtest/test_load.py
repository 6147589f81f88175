"""The command line with which `make load` runs locust."""

from __future__ import annotations

from argparse import Namespace
from itertools import pairwise

from loadtest.load import command


def given(**changes: object) -> Namespace:
    values = {"users": 200, "time": 30, "spawn_rate": None, "headless": True, "report": "load-test.html", **changes}
    return Namespace(**values)


def pairs(words: list[str]) -> dict[str, str]:
    return dict(pairwise(words))


def test_the_time_to_start_all_users_is_added_to_the_run_time() -> None:
    words = pairs(command(given(), "http://localhost:8080", []))
    assert (words["-u"], words["-r"], words["-t"]) == ("200", "20", "40s")
    assert words["--host"] == "http://localhost:8080"


def test_unknown_options_are_passed_to_locust() -> None:
    words = command(given(headless=False, spawn_rate=5.0), "http://localhost", ["--processes", "2", "LargeRoom"])
    assert words[-3:] == ["--processes", "2", "LargeRoom"]
    assert "--autostart" in words
    assert "--headless" not in words
