"""Run one program so that it cannot outlive the process that started it.

    python -I -S deploy/child.py PARENT_PID PROGRAM ARGUMENT…

The kernel sends the program SIGTERM when its parent dies, even by kill -9 (prctl(2), PR_SET_PDEATHSIG; kept across
exec). On a system without prctl the program can outlive its parent.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Replace this process with the program that the command line names."""
    parent, argv = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # the parent died before prctl took effect
            sys.exit(1)
    with contextlib.suppress(ValueError, OSError):
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        sys.exit(f"{argv[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
