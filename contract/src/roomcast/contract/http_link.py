"""Send requests to the HTTP API, and convert problems into RoomcastError. `HttpBackend` has a method per route."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

from roomcast.contract.errors import Code, RoomcastError, by_number

Query = Mapping[str, Any]


class HttpLink:
    """Sends requests to the API. `client` has the API's base URL, and sends the API key."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def _send(self, method: str, path: str, body: Any = None, *, query: Query | None = None) -> Any:
        """Return the JSON of the answer, or None for an empty answer.

        Raise RoomcastError if the API refuses the request or does not answer.
        """
        try:
            answer = await self._client.request(method, path, json=body, params=query)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise RoomcastError(Code.UNAVAILABLE, "the API does not answer") from error
        except httpx.HTTPError as error:
            code = Code.UNAVAILABLE if method == "GET" else Code.OUTCOME_UNKNOWN
            raise RoomcastError(code, "the API does not answer") from error
        except UnicodeEncodeError:
            raise RoomcastError(Code.BAD_REQUEST, "a text is not valid Unicode") from None
        if answer.is_success:
            return answer.json() if answer.content else None
        raise _refusal(answer)


def as_part(text: str) -> str:
    """Return a text as one part of a URL path. Raise BAD_REQUEST for a text that cannot be one part.

    HTTP clients and proxies resolve `.`, `..` and an encoded slash. So the request would reach another route: without
    this check, the removal of the user `..` from a room would delete the room.
    """
    if not text:
        raise RoomcastError(Code.BAD_REQUEST, "an id is empty")
    if text in (".", "..") or "/" in text:
        raise RoomcastError(Code.BAD_REQUEST, "an id that is '.' or '..', or contains '/', cannot be part of a URL")
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise RoomcastError(Code.BAD_REQUEST, "an id is not valid Unicode") from None


def present(**fields: Any) -> dict[str, Any]:
    """Return the fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def _refusal(answer: httpx.Response) -> RoomcastError:
    """Return the error in a problem. Any other answer, such as from a proxy, becomes UNAVAILABLE or OUTCOME_UNKNOWN."""
    try:
        problem = answer.json()
        return RoomcastError(
            by_number(int(problem["code"])), str(problem.get("detail", "")), retry_after=problem.get("retry_after")
        )
    except (ValueError, KeyError, TypeError):
        code = Code.UNAVAILABLE if answer.status_code in (502, 503) else Code.OUTCOME_UNKNOWN
        return RoomcastError(code, f"the API's proxy answers {answer.status_code}")
