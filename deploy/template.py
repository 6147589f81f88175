"""Fill in `${NAME}` placeholders with capital names. Other variables of a configuration stay unchanged. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


def names(text: str) -> set[str]:
    """Return the names of all placeholders in `text`."""
    return set(_NAME.findall(text))


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with its placeholders filled in; raise KeyError with the first name that has no value."""
    return _NAME.sub(lambda match: values[match[1]], text)
