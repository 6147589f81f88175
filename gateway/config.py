"""What a gateway can be told, all by environment variables; `python -m gateway --help` prints this list."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Any, cast

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from contract import redis_url
from contract.events import MAX_MESSAGE_BYTES, MAX_ROOMS_PER_CONNECTION
from process.logs import Format, Level
from process.settings import Words

_NODE = re.compile(r"[A-Za-z0-9]{1,16}")
_ORIGIN = re.compile(r"\*|https?://[^\s/]+")


def _setting(default: Any, name: str, description: str, **bounds: float) -> Any:
    """One optional variable, with its bounds."""
    return Field(default=default, validation_alias=name, description=description, **cast("Any", bounds))


class Config(BaseSettings):
    """The configuration of one gateway; sizes in bytes, times in seconds."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    redis_url: str = Field(
        validation_alias="ROOMCAST_REDIS_URL",
        description="Redis: redis://, rediss://, unix://, redis+sentinel://, redis+cluster://",
    )
    host: str = _setting("127.0.0.1", "ROOMCAST_HOST", "address of all ports")
    port: int = _setting(8181, "ROOMCAST_PORT", "port of the socket", ge=0, le=65_535)
    metrics_port: int = _setting(8281, "ROOMCAST_METRICS_PORT", "port of health and metrics", ge=0, le=65_535)
    node: str = _setting("1", "ROOMCAST_NODE", "this gateway's number, unique in the cluster")
    jwt_secret: SecretStr | None = _setting(None, "ROOMCAST_JWT_SECRET", "HS256 secret of 32 bytes or more")
    jwks_url: str | None = _setting(None, "ROOMCAST_JWKS_URL", "RS256/ES256 keys instead: https URL or file")
    jwt_audience: str | None = _setting(None, "ROOMCAST_JWT_AUDIENCE", "required aud of tokens")
    jwt_issuer: str | None = _setting(None, "ROOMCAST_JWT_ISSUER", "required iss of tokens")
    allowed_origins: Words = _setting((), "ROOMCAST_ALLOWED_ORIGINS", "browser origins, by commas; none: own host")
    trusted_proxies: Words = _setting(
        ("127.0.0.0/8", "::1"), "ROOMCAST_TRUSTED_PROXIES", "networks whose X-Forwarded-For counts, by commas"
    )
    dev_login: bool = _setting(False, "ROOMCAST_DEV_LOGIN", "1: anybody signs in by name at /dev/login")

    ping_interval_seconds: float = _setting(25.0, "ROOMCAST_PING_SECONDS", "time between pings", gt=0)
    ping_timeout_seconds: float = _setting(20.0, "ROOMCAST_PING_TIMEOUT_SECONDS", "time to answer one", gt=0)
    connect_seconds: float = _setting(10.0, "ROOMCAST_CONNECT_SECONDS", "time from handshake to CONNECT", gt=0)
    max_payload_bytes: int = _setting(100_000, "ROOMCAST_PAYLOAD_BYTES", "largest packet from a client", ge=1000)
    message_bytes: int = _setting(
        MAX_MESSAGE_BYTES, "ROOMCAST_MESSAGE_BYTES", "largest text", ge=1, le=MAX_MESSAGE_BYTES
    )
    upload_bytes: int = _setting(10_485_760, "ROOMCAST_UPLOAD_BYTES", "largest file, as announced to clients", ge=1)
    send_buffer_bytes: int = _setting(
        1_000_000, "ROOMCAST_SEND_BUFFER_BYTES", "unsent bytes at which a slow client is cut", ge=10_000
    )
    rooms_per_connection: int = _setting(
        MAX_ROOMS_PER_CONNECTION, "ROOMCAST_ROOMS_PER_CONNECTION", "joined rooms", ge=1
    )
    events_per_second: float = _setting(50.0, "ROOMCAST_EVENTS_PER_SECOND", "events of one client, long run", gt=0)
    events_burst: float = _setting(200.0, "ROOMCAST_EVENTS_BURST", "events of one client, at once", ge=1)
    pending_per_address: int = _setting(
        200, "ROOMCAST_PENDING_PER_ADDRESS", "sessions without CONNECT from one address", ge=1
    )

    log_messages: int = _setting(10_000, "ROOMCAST_LOG_MESSAGES", "messages kept per room", ge=10)
    retention_days: float = _setting(30.0, "ROOMCAST_RETENTION_DAYS", "age of messages kept", gt=0)
    wait_replicas: int = _setting(0, "ROOMCAST_WAIT_REPLICAS", "replicas that must hold a message before its ack", ge=0)
    redis_timeout_seconds: float = _setting(1.0, "ROOMCAST_REDIS_TIMEOUT_SECONDS", "longest wait for Redis", gt=0)
    drain_seconds: float = _setting(8.0, "ROOMCAST_DRAIN_SECONDS", "SIGTERM: time to move clients away", gt=0)
    log_level: Level = _setting("info", "ROOMCAST_LOG_LEVEL", "debug, info, warning or error")
    log_format: Format = _setting("json", "ROOMCAST_LOG_FORMAT", "json or text")

    @field_validator("redis_url")
    @classmethod
    def _is_redis_url(cls, value: str) -> str:
        redis_url.parse(value)
        return value

    @field_validator("node")
    @classmethod
    def _is_node(cls, value: str) -> str:
        if not _NODE.fullmatch(value):
            raise ValueError("ROOMCAST_NODE has 1 to 16 letters and digits")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: Words) -> Words:
        for network in value:
            ip_network(network)
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, value: Words) -> Words:
        for origin in value:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no origin: https://chat.example.com, or *")
        return value

    @model_validator(mode="after")
    def _has_one_key_source(self) -> Config:
        if (self.jwt_secret is None) == (self.jwks_url is None):
            raise ValueError("set either ROOMCAST_JWT_SECRET or ROOMCAST_JWKS_URL")
        if self.jwt_secret is not None and len(self.jwt_secret.get_secret_value().encode()) < 32:
            raise ValueError("ROOMCAST_JWT_SECRET must hold at least 32 bytes")
        if self.dev_login and self.jwt_secret is None:
            raise ValueError("ROOMCAST_DEV_LOGIN needs ROOMCAST_JWT_SECRET")
        return self


TITLE = "python -m gateway: one chat gateway, configured by environment variables:"
