"""Run one media signer: `python -m roomcast.media`; `--help` lists its environment variables."""

from __future__ import annotations

from roomcast.media import app
from roomcast.media.config import TITLE, Config
from roomcast.process import command


def main() -> int:
    """Run a signer; return 0 after SIGTERM, 2 for a bad command line or variable, 1 for a metrics port in use."""
    return command.main("media", Config, TITLE, app.run)


if __name__ == "__main__":
    raise SystemExit(main())
