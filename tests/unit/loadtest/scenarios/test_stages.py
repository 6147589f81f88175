"""Stages of a load test."""

from __future__ import annotations

from argparse import ArgumentTypeError

import pytest

from loadtest.scenarios.stages import Stage, parse_stages


def test_a_stage_is_a_number_of_users_and_a_time() -> None:
    assert parse_stages("50x30s, 200x2m,0x10") == [Stage(50, 30), Stage(200, 120), Stage(0, 10)]


@pytest.mark.parametrize("text", ["", "50", "50x", "x30s", "50x30d", "50x30s,"])
def test_a_malformed_list_of_stages_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="not a list of stages"):
        parse_stages(text)
