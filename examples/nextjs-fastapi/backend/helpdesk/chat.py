"""Call the routes of Roomcast's HTTP API that the support desk needs."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx


class ChatUnavailable(Exception):
    """The API did not answer, or refused a call; the text says why."""


class Chat:
    """A client of the API. All calls are safe to repeat."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def sign(self, user: str, name: str, sign_in: str) -> str:
        """Return a token with which the user's browser connects. `sign_in`: the id that `sign_out` revokes."""
        answer = await self._call("POST", "/v1/tokens", {"user": user, "name": name, "sid": sign_in, "seconds": 3_600})
        return str(answer["token"])

    async def sign_out(self, sign_in: str) -> None:
        """Revoke the tokens of a sign-in, and close their connections."""
        await self._call("POST", f"/v1/sign-ins/{quote(sign_in, safe='')}/revocation")

    async def open_room(self, room: str, name: str, owner: str) -> None:
        """Create a room. If the room exists, leave it as it is."""
        await self._call("POST", "/v1/rooms", {"room": room, "owner": owner, "name": name}, accept=409)

    async def invite(self, room: str, user: str) -> None:
        """Make a user a member of a room."""
        await self._call("PUT", f"/v1/rooms/{quote(room, safe='')}/members/{quote(user, safe='')}", {})

    async def publish(self, room: str, message: dict[str, Any]) -> None:
        """Publish a message: `{id, user, name, text, kind}`. A second call with the same `id` has no effect."""
        await self._call("POST", f"/v1/rooms/{quote(room, safe='')}/messages", message)

    async def emit(self, room: str, event: str, data: dict[str, Any]) -> None:
        """Send a custom event to all clients that have joined the room now."""
        await self._call("POST", f"/v1/rooms/{quote(room, safe='')}/events", {"event": event, "data": data})

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None, accept: int = 0) -> Any:
        try:
            response = await self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise ChatUnavailable(type(error).__name__) from error
        if response.is_error and response.status_code != accept:
            raise ChatUnavailable(f"{method} {path}: {response.status_code} {response.text[:200]}")
        return response.json() if response.content else None
