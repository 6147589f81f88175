"""Set the environment of settings under test: only the test's ROOMCAST_ and AWS_ variables, none of the machine's."""

from __future__ import annotations

import os

import pytest


def use(patch: pytest.MonkeyPatch, **variables: str) -> None:
    """Set these variables and remove all others that start with ROOMCAST_ or AWS_."""
    for name in list(os.environ):
        if name.startswith(("ROOMCAST_", "AWS_")):
            patch.delenv(name)
    for name, value in variables.items():
        patch.setenv(name, value)


def one_line_of(captured: pytest.CaptureFixture[str]) -> str:
    """Return the text on standard error, which must be one line."""
    error = captured.readouterr().err
    assert (error.count("\n"), error[-1:]) == (1, "\n"), error
    return error.rstrip()
