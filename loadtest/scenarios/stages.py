"""The stages of a load test on the command line: `50x30s,200x2m`. Pure."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from typing import Final, NamedTuple

_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600}
_STAGE: Final = re.compile(r"(\d+)x(\d+)([smh]?)")


class Stage(NamedTuple):
    """A number of users, and the length of the stage in seconds."""

    users: int
    seconds: int


def parse_stages(text: str) -> list[Stage]:
    """Parse a text such as `50x30s,200x2m`. Raise ArgumentTypeError for any other form."""
    found = [_STAGE.fullmatch(part.strip()) for part in text.split(",")]
    if not found or None in found:
        raise ArgumentTypeError(f"{text!r} is not a list of stages such as 50x30s,200x2m")
    return [Stage(int(each[1]), int(each[2]) * _UNITS[each[3]]) for each in found if each is not None]
