"""Sign-in by name for local development, over HTTP on the port of the Socket.IO endpoint."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from typing import Any, Final

from aiohttp import web

from roomcast.contract.ids import is_user_id
from roomcast.contract.profile import is_picture
from roomcast.contract.tokens import sign
from roomcast.engineio.http.origins import OWN_HOST, Origins

_MAX_NAME: Final = 40
_MAX_USER: Final = 60


class DevLogin:
    """Answers `POST /dev/login` `{"name": "Ada", "user"?, "picture"?}` with `{token, user}`.

    There is no password: local use only. The user id is made from the name, unless `user` gives the id. The token may
    create the rooms of the demo page (`room:…`). Pages of `origins` may read the answer.
    """

    def __init__(self, secret: str, origins: Iterable[str] = ()) -> None:
        self._secret = secret
        self._origins = Origins([OWN_HOST, *origins], credentials=False)

    def add_to(self, application: web.Application) -> None:
        """Add the route to the gateway's HTTP application."""
        application.router.add_post("/dev/login", self._login)

    async def _login(self, request: web.Request) -> web.Response:
        answer = await self._answer(request)
        if self._origins.accepts(request.headers.get("Origin"), request.scheme, (request.host,)):
            answer.headers.update(self._origins.headers(request.headers, request.method))
        return answer

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            body = json.loads(await request.read())
            name = " ".join(str(body["name"]).split())[:_MAX_NAME]
            user = _user_of(body, name)
            claims = _picture_of(body)
        except (ValueError, KeyError, TypeError, RecursionError):
            return web.json_response({"error": 'send {"name": "Ada"}: a name with a letter or digit'}, status=400)
        token = sign(self._secret, user, name=name, create=["room:*"], **claims)
        return web.json_response({"token": token, "user": user})


def _user_of(body: dict[str, Any], name: str) -> str:
    """Return the user id in the body, or an id made from the name; raise ValueError for an invalid id."""
    user = body.get("user")
    if user is None:
        return user_id_of(name)
    if not name or not isinstance(user, str) or not is_user_id(user):
        raise ValueError("no user id")
    return user


def _picture_of(body: dict[str, Any]) -> dict[str, Any]:
    """Return the claim `picture` if the body has a picture; raise ValueError if that is not an https URL."""
    picture = body.get("picture")
    if picture is None:
        return {}
    if not is_picture(picture):
        raise ValueError("no picture")
    return {"picture": picture}


def user_id_of(name: str) -> str:
    """Make a user id from a display name: `Ada Lovelace` -> `ada-lovelace`; raise ValueError if the id is empty."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    user = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:_MAX_USER].rstrip("-")
    if not user and name.strip():
        user = "u-" + name.strip().encode().hex()[:32]
    if not user:
        raise ValueError("no name")
    return user
