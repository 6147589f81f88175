"""Read the commands of an operator from the runbook and the chart's notes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Final

from deploy.layout import ROOT

RUNBOOK: Final = ROOT / "docs" / "runbook.md"
_CODE: Final = re.compile(r"`([^`\n]+)`|^ {2,}(\S.*)$", re.MULTILINE)


def commands(text: str, program: str) -> Iterator[list[str]]:
    """Yield the arguments of each command that calls `program`: in code spans, code blocks and indented lines."""
    for span, line in _CODE.findall(text):
        code = span or line
        if code.startswith(f"{program} "):
            yield shlex.split(code)[len(program.split()) :]
