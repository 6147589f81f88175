"""Read the command line of a process, `python -m <process>`, and run the process until a signal ends it."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import uvloop

from roomcast.process import logs
from roomcast.process.settings import ProcessSettings, SettingsError, describe, load

S = TypeVar("S", bound=ProcessSettings)
Run = Callable[[S], Coroutine[Any, Any, bool | None]]
"""Runs a process until it ends. Returns False if the process could not go on; True or None after SIGTERM or SIGINT."""


def main(process: str, settings: type[S], title: str, run: Run[S]) -> int:
    """Run a process that takes no argument but `--help`; return the exit status of `serve`, or 2 for an argument."""
    arguments = sys.argv[1:]
    if arguments in (["--help"], ["-h"]):
        sys.stdout.write(describe(settings, title))
        return 0
    if arguments:
        return fail(process, "takes no arguments but --help; it is configured by environment variables", 2)
    return serve(process, load(settings, process), run)


def serve(process: str, settings: S, run: Run[S]) -> int:
    """Run to the end; return the exit status.

    0 after SIGTERM; 1 for a port in use, or if the process could not go on; 2 for a bad setting.
    """
    logs.configure(settings.log_level, settings.log_format)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            try:
                return 1 if runner.run(run(settings)) is False else 0
            finally:  # the runner removes its signal handlers now, and a second SIGTERM would kill the process
                signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))
    except SettingsError as error:
        return fail(process, str(error), 2)
    except OSError as error:
        return fail(process, f"cannot listen: {error.strerror or error}", 1)


def fail(process: str, reason: str, status: int) -> int:
    """Write one line for the operator; return `status`."""
    sys.stderr.write(f"roomcast {process}: {reason}\n")
    return status
