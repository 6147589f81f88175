"""Read a sweeper's settings from environment variables; `python -m roomcast.presence --help` prints the list."""

from __future__ import annotations

from roomcast.process.settings import ProcessSettings, setting

TITLE = "python -m roomcast.presence: sets absent users offline, configured by environment variables:"


class Config(ProcessSettings):
    """The configuration of one sweeper."""

    metrics_port: int = setting(8381, "ROOMCAST_METRICS_PORT", "port for health and metrics", ge=0, le=65_535)
