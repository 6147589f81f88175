"""Print rows as an aligned table, or as JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any


def table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """Return an aligned table with a heading. Each row is a dict with these columns. Numbers are right-aligned."""
    cells = [[_text(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(column), *(len(row[index]) for row in cells), 0) for index, column in enumerate(columns)]
    is_number = [bool(rows) and all(isinstance(row.get(column), int | float) for row in rows) for column in columns]
    lines = [_line([column.upper() for column in columns], widths, is_number)]
    lines += [_line(row, widths, is_number) for row in cells]
    return "\n".join(lines)


def as_json(value: Any, *, indent: int | None = 2) -> str:
    """Return JSON in which non-printable characters are escaped, because they could control a terminal.

    With `indent` None, the JSON is one line.
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return "".join(one if one.isprintable() or one == "\n" else json.dumps(one)[1:-1] for one in text)


def moment(unix_ms: float) -> str:
    """Return a time in UTC with a resolution of one second; an empty string for 0."""
    return datetime.fromtimestamp(unix_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S") if unix_ms else ""


def _line(cells: Sequence[str], widths: Sequence[int], is_number: Sequence[bool]) -> str:
    padded = [
        cell.rjust(width) if right else cell.ljust(width)
        for cell, width, right in zip(cells, widths, is_number, strict=True)
    ]
    return "  ".join(padded).rstrip()


def printable(text: str) -> str:
    """Return `text` with `?` in place of every non-printable character, which could control a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _text(value: Any) -> str:
    return "" if value is None else printable(str(value))
