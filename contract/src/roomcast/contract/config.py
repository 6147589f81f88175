"""The environment variables of the command line of `contract`."""

from __future__ import annotations

import os

REDIS_URL = "ROOMCAST_REDIS_URL"
JWT_SECRET = "ROOMCAST_JWT_SECRET"  # noqa: S105 (a name, not a secret)


class MissingVariable(ValueError):
    """A variable is not set; the text names it."""


def required(name: str) -> str:
    """Return the value of a variable; raise MissingVariable when it is unset or empty."""
    value = os.environ.get(name, "").strip()
    if not value:
        raise MissingVariable(f"{name}: field required")
    return value
