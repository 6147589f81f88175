"""What a signer can be told, all by environment variables; `python -m roomcast.media --help` prints this list."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import SecretStr, field_validator, model_validator

from roomcast.media.policy import FILE_TYPES
from roomcast.process.settings import ProcessSettings, Words, setting

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


TITLE = "python -m roomcast.media: the media signer, configured by environment variables:"


class Config(ProcessSettings):
    """The configuration of one signer; sizes in bytes, times in seconds unless named otherwise."""

    metrics_port: int = setting(9321, "ROOMCAST_METRICS_PORT", "port of health and metrics", ge=0, le=65_535)
    s3_endpoint: str | None = setting(None, "ROOMCAST_S3_ENDPOINT", "storage as the signer reaches it; none: AWS")
    s3_public_endpoint: str | None = setting(
        None, "ROOMCAST_S3_PUBLIC_ENDPOINT", "storage as browsers reach it; none: the same"
    )
    s3_bucket: str = setting("roomcast", "ROOMCAST_S3_BUCKET", "bucket for all files")
    s3_region: str = setting("us-east-1", "AWS_REGION", "region that signatures name")
    s3_addressing: Literal["path", "virtual"] = setting(
        "path", "ROOMCAST_S3_ADDRESSING", "bucket in the path, or in the host name"
    )
    s3_setup: bool = setting(False, "ROOMCAST_S3_SETUP", "1: make the bucket, its CORS and its clean-up rule")
    allowed_origins: Words = setting(("*",), "ROOMCAST_ALLOWED_ORIGINS", "origins for the bucket's CORS, by commas")
    access_key: str | None = setting(None, "AWS_ACCESS_KEY_ID", "credentials; none: instance role or profile")
    secret_key: SecretStr | None = setting(None, "AWS_SECRET_ACCESS_KEY", "their secret")
    session_token: SecretStr | None = setting(None, "AWS_SESSION_TOKEN", "their session")
    upload_method: Literal["POST", "PUT"] = setting(
        "POST", "ROOMCAST_MEDIA_METHOD", "PUT for storages without POST forms"
    )
    types: Words = setting(tuple(FILE_TYPES), "ROOMCAST_MEDIA_TYPES", "types that are welcome, by commas")
    max_bytes: int = setting(10_485_760, "ROOMCAST_UPLOAD_BYTES", "largest file", ge=1, le=5_368_709_120)
    max_pixels: int = setting(100_000_000, "ROOMCAST_MEDIA_MAX_PIXELS", "largest image, width x height", ge=1)
    upload_seconds: int = setting(300, "ROOMCAST_MEDIA_UPLOAD_SECONDS", "life of an upload form", ge=1, le=3600)
    grace_seconds: int = setting(600, "ROOMCAST_MEDIA_GRACE_SECONDS", "time to complete after that", ge=1, le=86_400)
    download_seconds: int = setting(
        86_400, "ROOMCAST_MEDIA_DOWNLOAD_SECONDS", "life of a download link", ge=1, le=604_800
    )
    retention_days: float = setting(30, "ROOMCAST_RETENTION_DAYS", "life of a verified upload's record", gt=0, le=3650)
    open_uploads: int = setting(20, "ROOMCAST_MEDIA_OPEN_UPLOADS", "unfinished uploads per user", ge=1)
    daily_bytes: int = setting(1_073_741_824, "ROOMCAST_MEDIA_DAILY_BYTES", "bytes announced per user and day", ge=1)
    claim_seconds: float = setting(2.0, "ROOMCAST_MEDIA_CLAIM_SECONDS", "a signer silent this long is helped", gt=0)
    sweep_seconds: float = setting(15.0, "ROOMCAST_MEDIA_SWEEP_SECONDS", "pause between two sweeps", gt=0)
    drain_seconds: float = setting(8.0, "ROOMCAST_DRAIN_SECONDS", "SIGTERM: longest wait for work in flight", gt=0)

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
