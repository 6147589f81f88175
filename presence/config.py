"""The sweeper's configuration: environment variables, read once."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from contract.redis_url import parse

_PREFIX = "ROOMCAST_"


class ConfigError(Exception):
    """A variable is missing or bad; the text is one line that names it."""


class Config(BaseSettings):
    """Each field is the variable `ROOMCAST_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="ignore")

    redis_url: Annotated[
        str, Field(repr=False, description="Redis: redis://, rediss://, unix://, redis+sentinel://, redis+cluster://")
    ]
    host: Annotated[str, Field(description="address that the health and metrics port binds to")] = "127.0.0.1"
    metrics_port: Annotated[int, Field(ge=0, le=65_535, description="port of /healthz, /readyz and /metrics")] = 8381
    sweep_seconds: Annotated[float, Field(gt=0, le=5, description="time from one pass to the next")] = 2.0
    log_format: Annotated[Literal["json", "console"], Field(description="json or console, one line each")] = "json"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="debug, info, warning or error")
    ] = "info"

    @field_validator("redis_url")
    @classmethod
    def _redis_url_parses(cls, url: str) -> str:
        parse(url)
        return url


def load() -> Config:
    """The configuration of this environment; raises ConfigError."""
    try:
        return Config()  # type: ignore[call-arg]  # the fields come from the environment
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = _PREFIX + "_".join(str(part) for part in first["loc"]).upper()
        problem = "is required" if first["type"] == "missing" else first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{name}: {problem}") from None


def usage() -> str:
    """The help text: every variable with its default and meaning."""
    lines = [
        "usage: python -m presence",
        "",
        "Ends presences that nobody refreshes. Configured by environment variables:",
        "",
    ]
    for name, field in Config.model_fields.items():
        default = "required" if field.is_required() else f"default {field.default}"
        lines.append(f"  {_PREFIX}{name.upper():<16}{field.description} ({default})")
    return "\n".join(lines)
