"""`python -m media`: one media signer; `--help` lists its environment variables."""

from __future__ import annotations

import asyncio
import logging
import sys

import structlog
import uvloop

from media import app, config


def main() -> int:
    """The exit code: 0 after SIGTERM, 2 for a bad command line or variable, 1 when the metrics port is taken."""
    if sys.argv[1:] in (["--help"], ["-h"]):
        sys.stdout.write(config.describe())
        return 0
    if sys.argv[1:]:
        sys.stderr.write("roomcast media: takes no arguments but --help; it is configured by environment variables\n")
        return 2
    settings = config.load()
    _configure_logging(settings)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(app.run(settings))
    except OSError as error:
        sys.stderr.write(f"roomcast media: {settings.host}:{settings.metrics_port}: {error.strerror or error}\n")
        return 1
    return 0


def _configure_logging(settings: config.Config) -> None:
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    renderer = structlog.processors.JSONRenderer() if settings.log_format == "json" else structlog.dev.ConsoleRenderer()
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared))
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler])


if __name__ == "__main__":
    raise SystemExit(main())
