"""The upload scenario: sign, store and complete an upload, send it as a message, and download the stored file."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import requests
from locust import between, task

from loadtest import picture
from loadtest.scenarios.connection import ChatError
from loadtest.scenarios.user import ChatUser

_HTTP_SECONDS = 30.0


class Media(ChatUser):
    """A user posts a picture every five to ten seconds, and downloads it."""

    wait_time = between(5, 10)

    def on_start(self) -> None:
        super().on_start()
        self.http = requests.Session()

    @task
    def post_picture(self) -> None:
        post_picture(self, self.http)


def post_picture(user: ChatUser, http: requests.Session) -> None:
    """Upload a picture, send it into the user's room, and download it. Time each step; stop at a failed step."""
    data = picture.png()
    signed = user.call("media:sign", {"room": user.room, "name": "load.png", "type": "image/png", "size": len(data)})
    if signed is None or not _stored(user, http, signed, data):
        return
    if user.call("media:complete", {"upload": signed["upload"]}) is None:
        return
    if user.say(upload=signed["upload"]) is None:
        return
    link = user.call("media:url", {"upload": signed["upload"]})
    if link is not None:
        _timed(user, "GET", lambda: http.get(link["url"], timeout=_HTTP_SECONDS))


def _stored(user: ChatUser, http: requests.Session, signed: dict[str, Any], data: bytes) -> bool:
    method = signed["method"]
    body: dict[str, Any] = {"data": data, "headers": signed.get("headers", {})}
    if method == "POST":
        body = {"data": signed.get("fields", {}), "files": {"file": ("load.png", data, "image/png")}}
    return _timed(user, method, lambda: http.request(method, signed["url"], timeout=_HTTP_SECONDS, **body))


def _timed(user: ChatUser, method: str, send: Callable[[], requests.Response]) -> bool:
    begun = time.perf_counter()
    error: Exception | None = None
    try:
        answer = send()
        if not answer.ok:
            error = ChatError(f"HTTP {answer.status_code}")
    except requests.RequestException as failure:
        error = ChatError(type(failure).__name__)
    user.state.report("storage", method, time.perf_counter() - begun, error)
    return error is None
