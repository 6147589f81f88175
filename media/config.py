"""What a signer can be told, all by environment variables; `python -m media --help` prints this list."""

from __future__ import annotations

import re
import sys
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from contract import redis_url
from media.policy import FILE_TYPES

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def _split(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class Config(BaseSettings):
    """The configuration of one signer; sizes in bytes, times in seconds unless named otherwise."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    redis_url: str = Field(
        default="redis://127.0.0.1:6379/0",
        validation_alias="ROOMCAST_REDIS_URL",
        description="Redis: redis://, rediss://, unix://, redis+sentinel://, redis+cluster://",
    )
    host: str = Field(
        default="127.0.0.1", validation_alias="ROOMCAST_HOST", description="address of health and metrics"
    )
    metrics_port: int = Field(
        default=9321,
        ge=0,
        le=65_535,
        validation_alias="ROOMCAST_METRICS_PORT",
        description="port of health and metrics",
    )
    s3_endpoint: str | None = Field(
        default=None, validation_alias="ROOMCAST_S3_ENDPOINT", description="storage as the signer reaches it; none: AWS"
    )
    s3_public_endpoint: str | None = Field(
        default=None,
        validation_alias="ROOMCAST_S3_PUBLIC_ENDPOINT",
        description="storage as browsers reach it; none: the same",
    )
    s3_bucket: str = Field(
        default="roomcast", validation_alias="ROOMCAST_S3_BUCKET", description="bucket for all files"
    )
    s3_region: str = Field(
        default="us-east-1", validation_alias="AWS_REGION", description="region that signatures name"
    )
    s3_addressing: Literal["path", "virtual"] = Field(
        default="path", validation_alias="ROOMCAST_S3_ADDRESSING", description="bucket in the path, or in the host name"
    )
    s3_setup: bool = Field(
        default=False,
        validation_alias="ROOMCAST_S3_SETUP",
        description="1: make the bucket, its CORS and its clean-up rule",
    )
    allowed_origins: Words = Field(
        default=("*",),
        validation_alias="ROOMCAST_ALLOWED_ORIGINS",
        description="origins for the bucket's CORS, by commas",
    )
    access_key: str | None = Field(
        default=None, validation_alias="AWS_ACCESS_KEY_ID", description="credentials; none: instance role or profile"
    )
    secret_key: SecretStr | None = Field(
        default=None, validation_alias="AWS_SECRET_ACCESS_KEY", description="their secret"
    )
    session_token: SecretStr | None = Field(
        default=None, validation_alias="AWS_SESSION_TOKEN", description="their session"
    )
    upload_method: Literal["POST", "PUT"] = Field(
        default="POST", validation_alias="ROOMCAST_MEDIA_METHOD", description="PUT for storages without POST forms"
    )
    types: Words = Field(
        default=tuple(FILE_TYPES),
        validation_alias="ROOMCAST_MEDIA_TYPES",
        description="types that are welcome, by commas",
    )
    max_bytes: int = Field(
        default=10_485_760, ge=1, le=5_368_709_120, validation_alias="ROOMCAST_UPLOAD_BYTES", description="largest file"
    )
    max_pixels: int = Field(
        default=100_000_000,
        ge=1,
        validation_alias="ROOMCAST_MEDIA_MAX_PIXELS",
        description="largest image, width x height",
    )
    upload_seconds: int = Field(
        default=300,
        ge=1,
        le=3600,
        validation_alias="ROOMCAST_MEDIA_UPLOAD_SECONDS",
        description="life of an upload form",
    )
    grace_seconds: int = Field(
        default=600,
        ge=1,
        le=86_400,
        validation_alias="ROOMCAST_MEDIA_GRACE_SECONDS",
        description="time to complete after that",
    )
    download_seconds: int = Field(
        default=86_400,
        ge=1,
        le=604_800,
        validation_alias="ROOMCAST_MEDIA_DOWNLOAD_SECONDS",
        description="life of a download link",
    )
    retention_days: float = Field(
        default=30,
        gt=0,
        le=3650,
        validation_alias="ROOMCAST_RETENTION_DAYS",
        description="life of a verified upload's record",
    )
    open_uploads: int = Field(
        default=20, ge=1, validation_alias="ROOMCAST_MEDIA_OPEN_UPLOADS", description="unfinished uploads per user"
    )
    daily_bytes: int = Field(
        default=1_073_741_824,
        ge=1,
        validation_alias="ROOMCAST_MEDIA_DAILY_BYTES",
        description="bytes announced per user and day",
    )
    claim_seconds: float = Field(
        default=2.0,
        gt=0,
        validation_alias="ROOMCAST_MEDIA_CLAIM_SECONDS",
        description="a signer silent this long is helped",
    )
    sweep_seconds: float = Field(
        default=15.0, gt=0, validation_alias="ROOMCAST_MEDIA_SWEEP_SECONDS", description="pause between two sweeps"
    )
    drain_seconds: float = Field(
        default=8.0,
        gt=0,
        validation_alias="ROOMCAST_DRAIN_SECONDS",
        description="SIGTERM: longest wait for work in flight",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", validation_alias="ROOMCAST_LOG_LEVEL", description="least level that is logged"
    )
    log_format: Literal["json", "text"] = Field(
        default="json", validation_alias="ROOMCAST_LOG_FORMAT", description="json: one object a line"
    )

    @field_validator("redis_url")
    @classmethod
    def _is_redis_url(cls, value: str) -> str:
        redis_url.parse(value)
        return value

    @field_validator("s3_endpoint", "s3_public_endpoint")
    @classmethod
    def _is_http_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
            raise ValueError("a storage endpoint is http://host:port or https://host, without a path")
        return value.rstrip("/")

    @field_validator("s3_bucket")
    @classmethod
    def _is_bucket(cls, value: str) -> str:
        if not _BUCKET.fullmatch(value):
            raise ValueError("a bucket name has 3 to 63 of a-z, 0-9, dot and dash")
        return value

    @field_validator("types")
    @classmethod
    def _are_known_types(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(value) - set(FILE_TYPES))
        if unknown:
            raise ValueError(f"{unknown[0]} is none of {', '.join(FILE_TYPES)}")
        return value

    @model_validator(mode="after")
    def _has_whole_credentials(self) -> Config:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY come together")
        return self


def load() -> Config:
    """The configuration from the environment; a bad value ends the process with one line and exit code 2."""
    try:
        return Config()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = f"{first['loc'][0]}: " if first["loc"] else ""
        reason = first["msg"].removeprefix("Value error, ")
        sys.stderr.write(f"roomcast media: {where}{reason[:1].lower()}{reason[1:]}\n")
        raise SystemExit(2) from None


def describe() -> str:
    """The help text: every variable with its default and meaning."""
    lines = ["python -m media: the media signer, configured by environment variables:", ""]
    for field in Config.model_fields.values():
        default = ",".join(field.default) if isinstance(field.default, tuple) else field.default
        shown = "" if default is None else f" (default: {int(default) if isinstance(default, bool) else default})"
        lines.append(f"  {field.validation_alias!s:32} {field.description}{shown}")
    return "\n".join(lines) + "\n"
