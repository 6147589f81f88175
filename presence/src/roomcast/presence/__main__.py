"""Run one sweeper: `python -m roomcast.presence`; `--help` lists its environment variables."""

from __future__ import annotations

from roomcast.presence import app
from roomcast.presence.config import TITLE, Config
from roomcast.process import command


def main() -> int:
    """Run a sweeper and return 0 after SIGTERM, 2 for a bad command line or variable, 1 for a metrics port in use."""
    return command.main("presence", Config, TITLE, app.run)


if __name__ == "__main__":
    raise SystemExit(main())
