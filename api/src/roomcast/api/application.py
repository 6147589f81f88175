"""Build the FastAPI application: routes, and errors as problems."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from roomcast.api import problems, routes
from roomcast.api.parts import Parts
from roomcast.api.problems import Problem, describe, faults_of, request_id_of, respond
from roomcast.api.queries import check_query
from roomcast.contract.errors import Code, RoomcastError

TITLE: Final = "Roomcast"
API_VERSION: Final = "1"
DOCUMENT: Final = "/v1/openapi.json"
"""The path of the OpenAPI document."""
TAGS: Final = ("messages", "events", "rooms", "users", "presence", "tokens", "uploads", "moderation", "cluster")
DESCRIPTION: Final = (
    "The HTTP API of a Roomcast cluster, for back ends. Every request contains an API key,"
    " `Authorization: Bearer rck_…`. Every error is a problem (RFC 9457) with a code of the Socket.IO protocol."
)
_PROBLEM: Final[dict[str, Any]] = {
    "description": "The request failed; `reason` names the error.",
    "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def make_application(parts: Parts | None) -> FastAPI:
    """Return the application. Without `parts` it can only make its OpenAPI document."""
    application = FastAPI(
        title=TITLE,
        version=API_VERSION,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=DOCUMENT,
        redirect_slashes=False,
        dependencies=[Depends(check_query)],
        responses={"4XX": _PROBLEM, "5XX": _PROBLEM},
        exception_handlers={
            RoomcastError: _on_error,
            RequestValidationError: _on_invalid,
            HTTPException: _on_http,
            Exception: _on_fault,
        },
    )
    application.state.parts = parts
    for router in routes.ALL:
        application.include_router(router)
    application.openapi = lambda: describe_api(application)  # type: ignore[method-assign]
    return application


def describe_api(application: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, which is built only once."""
    if application.openapi_schema is None:
        document = get_openapi(
            title=application.title,
            version=application.version,
            description=application.description,
            routes=application.routes,
            tags=[{"name": name} for name in TAGS],
        )
        schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        parts = document["components"]["schemas"]
        parts.update(schema.pop("$defs", {}))
        parts["Problem"] = schema
        application.openapi_schema = document
    return application.openapi_schema


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RoomcastError)
    return respond(describe(error, request_id_of(request)))


async def _on_fault(request: Request, error: Exception) -> Response:
    """Answer an exception without an error code. Starlette raises the exception again, and the guard logs it."""
    return respond(describe(RoomcastError(Code.INTERNAL), request_id_of(request)))


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = faults_of(error.errors(), request.headers.get("content-type", ""))
    refusal = RoomcastError(Code.BAD_REQUEST, f"{faults[0].field}: {faults[0].message}" if faults else "")
    return respond(describe(refusal, request_id_of(request), faults=faults))


async def _on_http(request: Request, error: Exception) -> Response:
    """Answer requests that Starlette refuses: unknown paths, other methods, bodies that are not JSON."""
    assert isinstance(error, HTTPException)
    code = {404: Code.NOT_FOUND, 405: Code.BAD_REQUEST}.get(error.status_code, Code.BAD_REQUEST)
    detail = {
        404: f"no such endpoint; {DOCUMENT} lists all",
        405: f"the endpoint does not have this method; {DOCUMENT} lists all",
    }.get(error.status_code, str(error.detail))
    problem = describe(RoomcastError(code, detail), request_id_of(request), status=error.status_code)
    return respond(problem, error.headers)
