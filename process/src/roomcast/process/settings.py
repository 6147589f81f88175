"""Read settings from environment variables. A bad variable ends the process with one line; `--help` lists all."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Callable
from typing import Annotated, Any, Self, TypeVar, cast

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from roomcast.process.logs import Format, Level
from roomcast.process.tls import server_context
from roomcast.wire import redis_tls, redis_url
from roomcast.wire.seals import keys_in


def _split(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""A setting of several words, separated by commas."""


class SettingsError(ValueError):
    """A well-formed setting with which the process cannot start. The error text is one line."""


def setting(default: Any, name: str, description: str, **bounds: float) -> Any:
    """Make an optional field for the variable `name`. `bounds`: the limits of the value (`ge`, `gt`, `le`, `lt`)."""
    return Field(default=default, validation_alias=name, description=description, **cast("Any", bounds))


class ProcessSettings(BaseSettings):
    """The settings that all processes have. An empty variable counts as not set."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    redis_url: str = Field(
        repr=False,
        validation_alias="ROOMCAST_REDIS_URL",
        description="URL of Redis: redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://",
    )
    host: str = setting("127.0.0.1", "ROOMCAST_HOST", "address on which all ports listen")
    metrics_host: str | None = setting(
        None, "ROOMCAST_METRICS_HOST", "address of the port for health and metrics; unset: ROOMCAST_HOST"
    )
    tls_certificate: str | None = setting(
        None, "ROOMCAST_TLS_CERTIFICATE", "PEM file with the certificate chain of all ports; unset: plain HTTP"
    )
    tls_key: str | None = setting(None, "ROOMCAST_TLS_KEY", "PEM file with the private key of the certificate")
    log_level: Level = setting("info", "ROOMCAST_LOG_LEVEL", "lowest level to log: debug, info, warning or error")
    log_format: Format = setting(
        "json", "ROOMCAST_LOG_FORMAT", "json: one JSON object per line; text: one readable line per entry"
    )

    @property
    def ops_host(self) -> str:
        """The address of the health and metrics port."""
        return self.metrics_host or self.host

    @property
    def tls(self) -> ssl.SSLContext | None:
        """The TLS context of all ports, with the certificate read from disk now; None without a certificate."""
        if self.tls_certificate is None or self.tls_key is None:
            return None
        return server_context(self.tls_certificate, self.tls_key)

    @model_validator(mode="after")
    def _has_certificate_and_key(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("set both ROOMCAST_TLS_CERTIFICATE and ROOMCAST_TLS_KEY, or neither")
        _ = self.tls  # raises ValueError now for files that cannot be used
        return self

    @field_validator("redis_url")
    @classmethod
    def _is_redis_url(cls, value: str) -> str:
        redis_tls.make_context(redis_url.parse(value))
        return value


def checked_by(check: Callable[[str], object]) -> AfterValidator:
    """Return a validator that calls `check` with the text of a SecretStr. `check` raises ValueError for a bad text."""

    def validate(value: SecretStr) -> SecretStr:
        check(value.get_secret_value())
        return value

    return AfterValidator(validate)


class SealingSettings(ProcessSettings):
    """The settings of a process that seals the messages it publishes (see `roomcast.wire.seals`)."""

    cluster_key: Annotated[SecretStr, checked_by(keys_in)] | None = setting(
        None,
        "ROOMCAST_CLUSTER_KEY",
        "keys of 32 bytes or more that seal messages between processes, separated by commas",
    )

    @property
    def cluster_keys(self) -> tuple[str, ...]:
        """Return the keys. The first key seals messages, and every key opens messages."""
        return () if self.cluster_key is None else keys_in(self.cluster_key.get_secret_value())


S = TypeVar("S", bound=BaseSettings)


def load(settings: type[S], process: str) -> S:
    """Read the settings from the environment; a bad or missing setting ends the process with one line and status 2."""
    try:
        return settings()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        where = f"{where}: " if where else ""
        reason = first["msg"].removeprefix("Value error, ")
        sys.stderr.write(f"roomcast {process}: {where}{_in_lower_case(reason)}\n")
        raise SystemExit(2) from None


def _in_lower_case(reason: str) -> str:
    """Begin a reason in lower case, unless it begins with a name in capitals."""
    return reason if reason[1:2].isupper() else reason[:1].lower() + reason[1:]


def describe(settings: type[BaseSettings], title: str) -> str:
    """Return the help text: every variable with its default and meaning."""
    lines = [title, ""]
    for field in settings.model_fields.values():
        default = ",".join(field.default) if isinstance(field.default, tuple) else field.default
        is_shown = default is not None and not field.is_required() and default != ""
        shown = f" (default: {int(default) if isinstance(default, bool) else default})" if is_shown else ""
        required = " (required)" if field.is_required() else ""
        lines.append(f"  {field.validation_alias!s:34} {field.description}{shown}{required}")
    return "\n".join(lines) + "\n"
