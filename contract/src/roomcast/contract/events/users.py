"""Payloads of `user:…`: block users, and find them by name. `user:profiles` has `presence.PresenceUsers`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from roomcast.contract.events.fields import Limit, Payload, User
from roomcast.contract.texts import MAX_NAME


class UserBlock(Payload, frozen=True):
    """Block or unblock a user. A block stops direct messages, presence and typing between the two users."""

    user: User
    on: bool


class UserBlocked(Payload, frozen=True):
    """Ask for the user's block list."""


class UserSearch(Payload, frozen=True):
    """Find people whose names begin with a text."""

    name: Annotated[str, Meta(min_length=2, max_length=MAX_NAME)]
    after: Annotated[str, Meta(max_length=1_000)] | None = None
    limit: Limit = 20
