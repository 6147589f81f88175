"""Compile the gateway's part of the hot path into the wheel if a C compiler and the adapter's source are present."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class HotPathHook(BuildHookInterface[Any]):
    """Adds compiled modules to a wheel; an editable install compiles with `make compile` instead."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile the modules before hatchling collects the files.

        The declarations of the adapter's classes come from the checkout beside this folder. Without a checkout (in a
        build from a source distribution), the gateway's part runs in plain Python.
        """
        if version == "editable":
            return
        project = Path(self.root)
        adapter = project.parent / "adapter" / "src"
        if not adapter.is_dir():
            print("roomcast: the gateway's wheel runs in plain Python: it was not built from a checkout")  # noqa: T201
            return
        sys.path[:0] = [str(project / "src"), str(adapter)]
        from roomcast.hotpath.compiled_wheel import add_compiled

        add_compiled(project, build_data)
