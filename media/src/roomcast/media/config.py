"""Read a signer's settings from environment variables; `python -m roomcast.media --help` prints the list."""

from __future__ import annotations

import re
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import field_validator

from roomcast.media.file_types import FILE_TYPES, canonical
from roomcast.process.settings import SealingSettings, Words, setting

TITLE: Final = "python -m roomcast.media: the media signer, configured by environment variables:"
LONGEST_SWEEP_SECONDS: Final = 15.0
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class Config(SealingSettings):
    """The configuration of one signer. Sizes are in bytes, and times in seconds if the name has no other unit.

    The credentials for the storage are not settings: the driver finds them in the same way as every AWS SDK.
    """

    metrics_port: int = setting(9321, "ROOMCAST_METRICS_PORT", "port for health and metrics", ge=0, le=65_535)
    s3_endpoint: str | None = setting(None, "ROOMCAST_S3_ENDPOINT", "URL of the storage for the signer; unset: AWS")
    s3_public_endpoint: str | None = setting(
        None, "ROOMCAST_S3_PUBLIC_ENDPOINT", "URL of the storage for browsers; unset: the signer's URL"
    )
    s3_bucket: str = setting("roomcast", "ROOMCAST_S3_BUCKET", "bucket that contains all files")
    s3_region: str = setting(
        "us-east-1",
        "AWS_REGION",
        "region of the bucket; as for every AWS SDK, credentials come from `AWS_ACCESS_KEY_ID` and "
        "`AWS_SECRET_ACCESS_KEY`, from a profile or from a role",
    )
    s3_addressing: Literal["path", "virtual"] = setting(
        "path", "ROOMCAST_S3_ADDRESSING", "place of the bucket in URLs: path, or virtual for the host name"
    )
    s3_setup: bool = setting(
        False, "ROOMCAST_S3_SETUP", "1: the signer creates the bucket, its CORS rule and its clean-up rule"
    )
    allowed_origins: Words = setting(
        ("*",), "ROOMCAST_ALLOWED_ORIGINS", "origins for the bucket's CORS rule, separated by commas"
    )
    upload_method: Literal["POST", "PUT"] = setting(
        "POST", "ROOMCAST_MEDIA_METHOD", "HTTP method of uploads; PUT for storages without POST forms"
    )
    types: Words = setting(
        (), "ROOMCAST_MEDIA_TYPES", "accepted media types, separated by commas; unset: all known types"
    )
    max_bytes: int = setting(10_485_760, "ROOMCAST_UPLOAD_BYTES", "largest file to upload", ge=1, le=5_368_709_120)
    upload_seconds: int = setting(
        300, "ROOMCAST_MEDIA_UPLOAD_SECONDS", "seconds until an upload form expires", ge=1, le=3600
    )
    download_seconds: int = setting(
        86_400, "ROOMCAST_MEDIA_DOWNLOAD_SECONDS", "seconds until a download link expires", ge=1, le=604_800
    )
    retention_days: float = setting(
        30,
        "ROOMCAST_RETENTION_DAYS",
        "days for which messages are kept (use the gateways' value); verified uploads' records are kept a day longer",
        gt=0,
        le=3650,
    )
    daily_bytes: int = setting(
        1_073_741_824, "ROOMCAST_MEDIA_DAILY_BYTES", "bytes that one user may announce for upload a day", ge=1
    )
    drain_seconds: float = setting(8.0, "ROOMCAST_DRAIN_SECONDS", "longest wait for open requests after SIGTERM", gt=0)

    @property
    def grace_seconds(self) -> int:
        """The time to complete an upload after its form has expired: twice the form's life."""
        return 2 * self.upload_seconds

    @property
    def sweep_seconds(self) -> float:
        """The pause between two sweeps: a twentieth of a form's life, and at most 15 s."""
        return min(LONGEST_SWEEP_SECONDS, self.upload_seconds / 20)

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
            raise ValueError("a bucket name has 3 to 63 of the characters a-z, 0-9, dot and dash")
        return value

    @field_validator("types")
    @classmethod
    def _are_known_types(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = tuple(canonical(name) or "" for name in value)
        if "" in known:
            raise ValueError(f"{value[known.index('')]} is not one of {', '.join(FILE_TYPES)}")
        return known
