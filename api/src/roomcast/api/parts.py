"""The objects that all endpoints share, made once per process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from roomcast.contract.api_keys import ApiKeys
from roomcast.contract.backend import Backend


@dataclass(frozen=True, slots=True)
class Parts:
    """The client of the cluster, the API keys, the default rate of a key, and the secret that signs tokens."""

    backend: Backend
    keys: ApiKeys
    rate: int
    jwt_secret: str | None = field(default=None, repr=False)


def parts_of(request: Request) -> Parts:
    """Return the parts of the application that serves the request."""
    parts: Parts = request.app.state.parts
    return parts


def backend_of(parts: Annotated[Parts, Depends(parts_of)]) -> Backend:
    """Return the client of the cluster."""
    return parts.backend


TheBackend = Annotated[Backend, Depends(backend_of)]
TheParts = Annotated[Parts, Depends(parts_of)]
