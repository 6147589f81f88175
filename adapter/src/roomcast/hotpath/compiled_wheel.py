"""Add the compiled hot path to a wheel while it is built; the `hatch_build.py` of each distribution calls this."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from roomcast.hotpath import build, sources
from roomcast.hotpath.config import WANTED

SOURCE_FOLDER: Final = "src"


def add_compiled(project: Path, build_data: dict[str, Any]) -> None:
    """Compile the modules of the distribution in `project`, and put them into its wheel.

    The wheel stays plain Python if there is no C compiler, or if ROOMCAST_HOTPATH is `python`. If ROOMCAST_HOTPATH is
    `compiled` and there is no compiler, raise CannotCompileError.
    """
    if WANTED == "python":
        return
    folder = (project / SOURCE_FOLDER).resolve()
    modules = [source for source in sources.every() if source.pxd.resolve().is_relative_to(folder)]
    try:
        build.build([source for source in modules if not source.target.exists()])
    except build.CannotCompileError as error:
        if WANTED == "compiled":
            raise
        print(f"roomcast: the wheel runs in plain Python: {error}")  # noqa: T201
        return
    build_data["pure_python"] = False
    build_data["infer_tag"] = True
    for source in modules:
        target = source.target.resolve()
        build_data["force_include"][str(target)] = str(target.relative_to(folder))
