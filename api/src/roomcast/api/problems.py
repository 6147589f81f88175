"""Convert error codes of the contract into problem details (RFC 9457), `application/problem+json`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from roomcast.contract.errors import Code, RoomcastError

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:roomcast:error:"
REQUEST_ID: Final = "request_id"
"""The name of the request's id, in the state of the ASGI scope and in problems."""

STATUS: Final[Mapping[Code, int]] = {
    Code.BAD_REQUEST: 400,
    Code.UNKNOWN_EVENT: 400,
    Code.TOO_LARGE: 413,
    Code.NOT_FOUND: 404,
    Code.CONFLICT: 409,
    Code.UNAUTHORIZED: 401,
    Code.FORBIDDEN: 403,
    Code.REVOKED: 401,
    Code.MUTED: 403,
    Code.BANNED: 403,
    Code.REFUSED: 403,
    Code.UNAVAILABLE: 503,
    Code.OUTCOME_UNKNOWN: 504,
    Code.RATE_LIMITED: 429,
    Code.DRAINING: 503,
    Code.INTERNAL: 500,
    Code.TOO_MANY_ROOMS: 409,
    Code.MEDIA_UNAVAILABLE: 503,
    Code.MEDIA_REFUSED: 422,
    Code.UPLOAD_INCOMPLETE: 409,
    Code.UPLOAD_MISMATCH: 422,
    Code.UPLOAD_EXPIRED: 404,
}
"""The HTTP status of each code."""

_MESSAGES: Final = {"extra_forbidden": "unknown field", "dict_type": "Input should be a JSON object"}
"""Error texts that replace Pydantic's texts, by Pydantic's type of the error."""

REASONS: Final = tuple(code.reason for code in Code)


class FieldFault(BaseModel):
    """One field of a request that does not have the documented form."""

    field: str
    message: str


class Problem(BaseModel):
    """The reason why a request failed. `code` and `reason` are those of the Socket.IO protocol."""

    type: str = Field(examples=["urn:roomcast:error:not_found"])
    title: str = Field(description="what the code means")
    status: int
    code: int = Field(description="the number of the error code", examples=[103])
    reason: str = Field(description="the name of the error code", json_schema_extra={"enum": list(REASONS)})
    retryable: bool = Field(description="whether the same request can succeed later")
    detail: str | None = None
    retry_after: float | None = Field(None, description="seconds to wait")
    request_id: str
    errors: list[FieldFault] | None = None


def describe(
    error: RoomcastError, request_id: str, *, status: int | None = None, faults: Sequence[FieldFault] = ()
) -> Problem:
    """Return the problem for an error. `status` replaces the status of the error's code."""
    return Problem(
        type=TYPE_PREFIX + error.code.reason,
        title=error.code.meaning,
        status=status or STATUS[error.code],
        code=error.code.number,
        reason=error.code.reason,
        retryable=error.code.retryable,
        detail=error.detail or None,
        retry_after=error.retry_after,
        request_id=request_id,
        errors=list(faults) or None,
    )


def respond(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Return the response for a problem, with Retry-After if the problem has `retry_after`."""
    extra = dict(headers or {})
    if problem.retry_after is not None:
        extra["Retry-After"] = str(math.ceil(problem.retry_after))
    if problem.status == 401:
        extra["WWW-Authenticate"] = "Bearer"
    body = problem.model_dump(exclude_none=True)
    return JSONResponse(body, problem.status, extra, media_type=MEDIA_TYPE)


def request_id_of(request: Request) -> str:
    """Return the id that the guard gave the request."""
    return str(request.scope.get("state", {}).get(REQUEST_ID, ""))


def faults_of(errors: Sequence[Mapping[str, Any]], content_type: str = "application/json") -> list[FieldFault]:
    """Return the names of at most ten fields that the validation refused, with the reasons but without the values."""
    return [_fault_of(error, content_type) for error in errors[:10]]


def _fault_of(error: Mapping[str, Any], content_type: str) -> FieldFault:
    """Return the fault of a field or of the whole body, in terms of HTTP and JSON instead of Python."""
    path, kind = [str(part) for part in error["loc"]], error.get("type")
    if kind == "json_invalid":
        return FieldFault(field="body", message=f"not valid JSON, at character {path[-1]}")
    if path == ["body"] and kind == "missing":
        return FieldFault(field="body", message="send a JSON object")
    if path == ["body"] and kind == "model_attributes_type":
        is_json = content_type.partition(";")[0].strip().lower().endswith("json")
        wrong = "send a JSON object" if is_json else "send the header Content-Type: application/json"
        return FieldFault(field="body", message=wrong)
    message = _MESSAGES.get(str(kind)) or str(error["msg"])
    return FieldFault(field=".".join(path)[:200], message=message[:200])
