"""`python -m presence`: exit status 0 after SIGTERM, 2 for bad configuration, 1 when the port cannot be had."""

from __future__ import annotations

import asyncio
import sys

import uvloop

from presence import app, config, logs


def main(arguments: list[str]) -> int:
    if arguments:
        is_help = arguments in (["--help"], ["-h"])
        (sys.stdout if is_help else sys.stderr).write(config.usage() + "\n")
        return 0 if is_help else 2
    try:
        settings = config.load()
    except config.ConfigError as error:
        sys.stderr.write(f"presence: {error}\n")
        return 2
    logs.configure(settings.log_format, settings.log_level)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(app.run(settings))
    except OSError as error:
        sys.stderr.write(f"presence: ROOMCAST_METRICS_PORT {settings.metrics_port}: {error.strerror or error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
