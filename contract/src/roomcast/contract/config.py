"""Read the environment variables that the command-line programs of `contract` and `cli` use."""

from __future__ import annotations

import os

from roomcast.wire.seals import keys_in

REDIS_URL = "ROOMCAST_REDIS_URL"
JWT_SECRET = "ROOMCAST_JWT_SECRET"  # noqa: S105 (a name, not a secret)
CLUSTER_KEY = "ROOMCAST_CLUSTER_KEY"


def cluster_keys() -> tuple[str, ...]:
    """Return the keys in ROOMCAST_CLUSTER_KEY, empty if it is unset. Raise ValueError for a key that is too short."""
    try:
        return keys_in(os.environ.get(CLUSTER_KEY, ""))
    except ValueError as error:
        raise ValueError(f"{CLUSTER_KEY}: {error}") from None


class MissingVariable(ValueError):
    """An environment variable is not set. The text of the error names the variable."""


def required(name: str) -> str:
    """Return the value of an environment variable. Raise MissingVariable when it is unset or empty."""
    value = os.environ.get(name, "").strip()
    if not value:
        raise MissingVariable(f"{name}: field required")
    return value
