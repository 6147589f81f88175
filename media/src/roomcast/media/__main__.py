"""`python -m roomcast.media`: one media signer; `--help` lists its environment variables."""

from __future__ import annotations

from roomcast.media import app
from roomcast.media.config import TITLE, Config
from roomcast.process import command


def main() -> int:
    """The exit status: 0 after SIGTERM, 2 for a bad command line or variable, 1 when the metrics port is taken."""
    return command.main("media", Config, TITLE, app.run)


if __name__ == "__main__":
    raise SystemExit(main())
