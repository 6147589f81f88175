"""What a sweeper can be told, all by environment variables; `python -m roomcast.presence --help` prints this list."""

from __future__ import annotations

from roomcast.process.settings import ProcessSettings, setting

TITLE = "python -m roomcast.presence: ends presences that nobody refreshes, configured by environment variables:"


class Config(ProcessSettings):
    """The configuration of one sweeper; times in seconds."""

    metrics_port: int = setting(8381, "ROOMCAST_METRICS_PORT", "port of health and metrics", ge=0, le=65_535)
    sweep_seconds: float = setting(2.0, "ROOMCAST_SWEEP_SECONDS", "time from one pass to the next", gt=0, le=5)
