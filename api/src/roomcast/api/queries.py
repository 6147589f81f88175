"""Refuse query parameters that an endpoint does not have, and repeated parameters that may occur only once.

Without this check, a misspelt parameter would be ignored. The OpenAPI document lists the parameters of each endpoint.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from fastapi import Request

from roomcast.contract.errors import Code, RoomcastError


async def check_query(request: Request) -> None:
    """Raise BAD_REQUEST for an unknown query parameter, and for a repeated parameter that is not an array."""
    if not request.query_params:
        return
    known = _documented(request)
    for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
        if name not in known:
            raise RoomcastError(Code.BAD_REQUEST, f"no such query parameter: {name[:100]}")
        if times > 1 and known[name].get("type") != "array":
            raise RoomcastError(Code.BAD_REQUEST, f"the query parameter {name} is repeated")


def _documented(request: Request) -> dict[str, dict[str, Any]]:
    """Return the schemas of the endpoint's query parameters by name."""
    operation = request.app.openapi()["paths"][request.scope["route"].path][request.method.lower()]
    parameters = operation.get("parameters", ())
    return {each["name"]: each["schema"] for each in parameters if each["in"] == "query"}
