"""Run one API process: `python -m roomcast.api`; `--help` lists its environment variables."""

from __future__ import annotations

from roomcast.api import app
from roomcast.api.config import TITLE, Config
from roomcast.process import command


def main() -> int:
    """Serve the API and return 0 after SIGTERM, 2 for a bad command line or variable, 1 for a port in use."""
    return command.main("api", Config, TITLE, app.run)


if __name__ == "__main__":
    raise SystemExit(main())
