"""The setting of the publish hook: one JSON object."""

from __future__ import annotations

import json
from ipaddress import ip_address
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode
from yarl import URL

from roomcast.contract.signatures import MIN_SECRET_BYTES
from roomcast.gateway.publish_hook.addresses import is_public


class PublishHookSettings(BaseModel):
    """The hook's endpoint, its rooms, its deadline, and the policy for messages without a verdict in time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    """The endpoint: an https URL; http only with `allow_private`."""
    secret: SecretStr
    """The key that signs the requests; 32 bytes or more."""
    on_failure: Literal["refuse", "publish"]
    rooms: tuple[str, ...] = Field(default=("*",), min_length=1, max_length=100)
    """Shell-style patterns of the rooms whose messages are reviewed."""
    deadline_seconds: float = Field(default=1.0, ge=0.05, le=10)
    allow_private: bool = False
    """Allow a host in a private network, or this machine."""
    concurrent: int = Field(default=64, ge=1, le=1_000)
    """Most concurrent requests of one gateway."""

    @field_validator("url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        url = URL(value)
        if url.scheme not in ("https", "http") or not url.host:
            raise ValueError("url: https://host/path is needed")
        if url.user is not None or url.password is not None or url.fragment:
            raise ValueError("url: no user, password or fragment is allowed; the signature identifies the gateway")
        return value

    @field_validator("secret")
    @classmethod
    def _is_long(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value().encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"secret: {MIN_SECRET_BYTES} bytes or more are needed")
        return value

    @model_validator(mode="after")
    def _is_allowed(self) -> PublishHookSettings:
        url = URL(self.url)
        if self.allow_private:
            return self
        if url.scheme == "http":
            raise ValueError("url: http:// would show messages to the network; use https://, or set allow_private")
        if _is_address(url.host or "") and not is_public(url.host or ""):
            raise ValueError("url: a private address; set allow_private if that is meant")
        return self


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _read_json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError(f"no JSON: {error}") from None


PublishHookSetting = Annotated[PublishHookSettings | None, NoDecode, BeforeValidator(_read_json)]
"""The type of the setting: the JSON object, or None."""
