"""Payloads of a sign-in: the presence that comes with the token, and the next token."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from roomcast.contract.events.fields import Payload
from roomcast.contract.events.presence import Presence
from roomcast.contract.limits import MAX_TOKEN

DeviceKind = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,15}\Z")]
"""The kind of device that a client names, such as `web`, `desktop` or `mobile`."""


class ConnectPresence(Presence, frozen=True):
    """The presence that a client sends with the token when it connects."""

    kind: DeviceKind | None = None


class AuthRefresh(Payload, frozen=True):
    token: Annotated[str, Meta(max_length=MAX_TOKEN)]
