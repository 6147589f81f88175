"""Compile the hot path into the wheel, if there is a C compiler."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class HotPathHook(BuildHookInterface[Any]):
    """Adds compiled modules to a wheel; an editable install compiles with `make compile` instead."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile the modules before hatchling collects the files."""
        if version == "editable":
            return
        project = Path(self.root)
        sys.path[:0] = [str(project / "src")]
        from roomcast.hotpath.compiled_wheel import add_compiled

        add_compiled(project, build_data)
