"""Fill in `${NAME}`s: capital names only, so that a configuration's own variables stay as they are. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


def names(text: str) -> set[str]:
    """Return every name that `text` wants filled in."""
    return set(_NAME.findall(text))


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with its names filled in; raise KeyError naming the first one that has no value."""
    return _NAME.sub(lambda match: values[match[1]], text)
