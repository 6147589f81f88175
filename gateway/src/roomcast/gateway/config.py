"""Read a gateway's settings from environment variables; `python -m roomcast.gateway --help` prints the list."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import SecretStr, field_validator, model_validator

from roomcast.contract.limits import MAX_MESSAGE_BYTES, MAX_ROOMS_PER_CONNECTION
from roomcast.contract.tokens import secrets_in
from roomcast.engineio.http.origins import is_origin
from roomcast.gateway.operations.daily_bytes import DAILY_BYTES
from roomcast.gateway.publish_hook.settings import PublishHookSetting
from roomcast.gateway.sign_in.jwks import check_location
from roomcast.gateway.stores.rooms import ROOMS_PER_DAY
from roomcast.process.settings import SealingSettings, Words, checked_by, setting

_NODE = re.compile(r"[1-9][0-9]{0,3}")


class Config(SealingSettings):
    """The configuration of one gateway. Sizes are in bytes, and times in seconds if the name has no other unit."""

    port: int = setting(8181, "ROOMCAST_PORT", "port for clients", ge=0, le=65_535)
    metrics_port: int = setting(8281, "ROOMCAST_METRICS_PORT", "port for health and metrics", ge=0, le=65_535)
    node: str = setting("", "ROOMCAST_NODE", "number of this gateway, 1 to 9999; unset: the lowest free number")
    jwt_secret: Annotated[SecretStr, checked_by(secrets_in)] | None = setting(
        None, "ROOMCAST_JWT_SECRET", "secrets of HS256 tokens, 32 bytes or more, separated by commas or as a JSON list"
    )
    jwks_url: str | None = setting(
        None,
        "ROOMCAST_JWKS_URL",
        "https URL or file of the public keys of RS256 or ES256 tokens; replaces ROOMCAST_JWT_SECRET",
    )
    jwt_audience: str | None = setting(None, "ROOMCAST_JWT_AUDIENCE", "`aud` claim that every token must have")
    jwt_issuer: str | None = setting(None, "ROOMCAST_JWT_ISSUER", "`iss` claim that every token must have")
    allowed_origins: Words = setting(
        (),
        "ROOMCAST_ALLOWED_ORIGINS",
        "origins of pages that may connect, besides the gateway's own host, separated by commas",
    )
    trusted_proxies: Words = setting(
        ("127.0.0.0/8", "::1"),
        "ROOMCAST_TRUSTED_PROXIES",
        "networks of proxies whose X-Forwarded headers are used, separated by commas",
    )
    create_rooms: Words = setting(
        (),
        "ROOMCAST_CREATE_ROOMS",
        "patterns of rooms that every user may create, separated by commas; other rooms need a `create` claim",
    )
    dev_login: bool = setting(False, "ROOMCAST_DEV_LOGIN", "1: any visitor can sign in by name at /dev/login")

    ping_interval_seconds: float = setting(25.0, "ROOMCAST_PING_SECONDS", "seconds between two pings to a client", gt=0)
    ping_timeout_seconds: float = setting(
        20.0, "ROOMCAST_PING_TIMEOUT_SECONDS", "seconds within which a client must answer a ping", gt=0
    )
    connect_seconds: float = setting(
        10.0, "ROOMCAST_CONNECT_SECONDS", "seconds within which a new session must send CONNECT", gt=0
    )
    max_payload_bytes: int = setting(100_000, "ROOMCAST_PAYLOAD_BYTES", "largest packet from a client", ge=1000)
    message_bytes: int = setting(
        MAX_MESSAGE_BYTES, "ROOMCAST_MESSAGE_BYTES", "largest text of a message", ge=1, le=MAX_MESSAGE_BYTES
    )
    upload_bytes: int = setting(
        10_485_760, "ROOMCAST_UPLOAD_BYTES", "largest file to upload, as announced to clients", ge=1
    )
    send_buffer_bytes: int = setting(
        1_000_000, "ROOMCAST_SEND_BUFFER_BYTES", "unsent bytes above which a slow client is disconnected", ge=10_000
    )
    rooms_per_connection: int = setting(
        MAX_ROOMS_PER_CONNECTION, "ROOMCAST_ROOMS_PER_CONNECTION", "most rooms that one connection may join", ge=1
    )
    rooms_per_day: int = setting(ROOMS_PER_DAY, "ROOMCAST_ROOMS_PER_DAY", "rooms that one user may create a day", ge=0)
    daily_bytes: int = setting(
        DAILY_BYTES, "ROOMCAST_DAILY_BYTES", "bytes that one user may write into rooms a day", ge=0
    )
    events_per_second: float = setting(
        50.0, "ROOMCAST_EVENTS_PER_SECOND", "events per second of one connection in the long run", gt=0
    )
    pending_per_address: int = setting(
        200, "ROOMCAST_PENDING_PER_ADDRESS", "most sessions of one address that have not sent CONNECT", ge=1
    )

    publish_hook: PublishHookSetting = setting(
        None,
        "ROOMCAST_PUBLISH_HOOK",
        "endpoint that reviews messages before they are published: a JSON object, see docs/operations.md",
    )

    log_messages: int = setting(10_000, "ROOMCAST_LOG_MESSAGES", "most messages kept per room", ge=10)
    retention_days: float = setting(30.0, "ROOMCAST_RETENTION_DAYS", "days for which messages are kept", gt=0)
    wait_replicas: int = setting(
        0, "ROOMCAST_WAIT_REPLICAS", "Redis replicas that must have a message before its ack", ge=0
    )
    redis_timeout_seconds: float = setting(
        1.0, "ROOMCAST_REDIS_TIMEOUT_SECONDS", "longest wait for a reply of Redis", gt=0
    )
    lag_probe_seconds: float = setting(
        1.0, "ROOMCAST_LAG_PROBE_SECONDS", "longest time between two measurements of the event loop's lag", gt=0
    )
    hotpath: Literal["auto", "python", "compiled"] = setting(
        "auto",
        "ROOMCAST_HOTPATH",
        "auto: the compiled hot path if it was built, else Python; python: always Python; "
        "compiled: without the compiled hot path, the gateway does not start",
    )
    drain_seconds: float = setting(
        8.0, "ROOMCAST_DRAIN_SECONDS", "time to move clients to other gateways after SIGTERM", gt=0
    )

    @field_validator("node")
    @classmethod
    def _is_node(cls, value: str) -> str:
        if value and not _NODE.fullmatch(value):
            raise ValueError("a number from 1 to 9999 is needed, without leading zeros")
        return value

    @field_validator("jwks_url")
    @classmethod
    def _can_be_read(cls, value: str | None) -> str | None:
        return None if value is None else check_location(value)

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
            if not is_origin(origin):
                raise ValueError(f"{origin!r} is not an origin: https://chat.example.com, https://*.example.com, or *")
        return value

    @model_validator(mode="after")
    def _has_one_key_source(self) -> Config:
        if (self.jwt_secret is None) == (self.jwks_url is None):
            raise ValueError("set either ROOMCAST_JWT_SECRET or ROOMCAST_JWKS_URL")
        if self.dev_login and self.jwt_secret is None:
            raise ValueError("ROOMCAST_DEV_LOGIN needs ROOMCAST_JWT_SECRET")
        return self


TITLE = "python -m roomcast.gateway: one chat gateway, configured by environment variables:"
