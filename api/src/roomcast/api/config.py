"""Read an API process's settings from environment variables; `python -m roomcast.api --help` prints the list."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import SecretStr

from roomcast.contract.api_keys import DEFAULT_RATE, MAX_RATE
from roomcast.contract.log_scripts import Retention
from roomcast.contract.tokens import secrets_in
from roomcast.process.settings import SealingSettings, checked_by, setting

TITLE: Final = "python -m roomcast.api: the HTTP API for back ends, configured by environment variables:"


class Config(SealingSettings):
    """The configuration of one API process. Times are in seconds if the name has no other unit."""

    port: int = setting(8481, "ROOMCAST_PORT", "port of the API", ge=0, le=65_535)
    metrics_port: int = setting(9481, "ROOMCAST_METRICS_PORT", "port for health and metrics", ge=0, le=65_535)
    rate: int = setting(
        DEFAULT_RATE, "ROOMCAST_API_RATE", "requests per second of an API key without its own rate", ge=1, le=MAX_RATE
    )
    jwt_secret: Annotated[SecretStr, checked_by(secrets_in)] | None = setting(
        None, "ROOMCAST_JWT_SECRET", "secret of the gateways, with which the API signs tokens; unset: it signs none"
    )
    log_messages: int = setting(
        10_000, "ROOMCAST_LOG_MESSAGES", "most messages kept per room; use the gateways' value", ge=10
    )
    retention_days: float = setting(
        30.0, "ROOMCAST_RETENTION_DAYS", "days for which messages are kept; use the gateways' value", gt=0
    )
    drain_seconds: float = setting(8.0, "ROOMCAST_DRAIN_SECONDS", "longest wait for open requests after SIGTERM", gt=0)

    @property
    def retention(self) -> Retention:
        """Return the limits of a room's log. The gateways must have the same limits."""
        return Retention(messages=self.log_messages, age_seconds=self.retention_days * 86_400)
