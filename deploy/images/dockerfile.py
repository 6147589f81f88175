"""Read a Dockerfile: its stages, the targets to build, and the base images from outside. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

_FROM: Final = re.compile(r"^FROM\s+(?:--\S+\s+)*(?P<base>\S+)\s+AS\s+(?P<name>\S+)\s*$", re.MULTILINE | re.IGNORECASE)
_COPIED: Final = re.compile(r"^(?:COPY|ADD)\s+.*--from=(?P<stage>\S+)", re.MULTILINE | re.IGNORECASE)
_USER: Final = re.compile(r"\d+(:\d+)?")


class Stage(NamedTuple):
    """One stage; `uses` names the stages and images that it builds on or copies from."""

    name: str
    base: str
    uses: frozenset[str]


def stages(text: str) -> list[Stage]:
    """Return the stages in their order; raise ValueError when a stage has no name."""
    found = list(_FROM.finditer(text))
    if len(found) != len(re.findall(r"^FROM\s", text, re.MULTILINE | re.IGNORECASE)):
        raise ValueError("every stage of the Dockerfile needs a name: FROM … AS name")
    ends = [match.start() for match in found[1:]] + [len(text)]
    return [
        Stage(match["name"], match["base"], frozenset((match["base"], *_COPIED.findall(text, match.end(), end))))
        for match, end in zip(found, ends, strict=True)
    ]


def targets(of: Sequence[Stage]) -> list[str]:
    """Return the names of the stages that no other stage uses: these are the images to build."""
    used = frozenset().union(*(stage.uses for stage in of))
    return [stage.name for stage in of if stage.name not in used]


def outside_bases(of: Sequence[Stage]) -> list[str]:
    """Return the images outside of this Dockerfile that its stages build on, each once."""
    names = {stage.name for stage in of}
    return list(dict.fromkeys(stage.base for stage in of if stage.base not in names))


def is_numeric_user(user: str) -> bool:
    """Tell whether a container's user is a number other than 0 (root), as Kubernetes' runAsNonRoot requires."""
    return _USER.fullmatch(user) is not None and user.split(":")[0] != "0"
