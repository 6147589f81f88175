"""The load of a chat: users in rooms of about ten and a lobby send, type, keep present and post a picture.

Run by `loadtest.load`, or by hand: `locust -f loadtest/locustfile.py --host http://localhost:8080`. Rows of the report:

* `delivery message`   from the send time in a text to its arrival at another member or at the sender
* `ack <event>`        from an event to its ack
* `connect websocket`, `upload POST`, `drop connection`, `POST /dev/login`
"""

from __future__ import annotations

import itertools
import random
import time
import uuid
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, ClassVar, Final, TypeVar
from urllib.parse import urlsplit

import gevent
from locust import HttpUser, between, events, task
from locust.exception import StopUser
from requests.adapters import HTTPAdapter

from loadtest import picture, texts
from loadtest.client import ChatClient, ChatError

ROOM_MEMBERS: Final = 10
LOBBY_MEMBERS: Final = 200
LOBBY_SHARE: Final = 0.02
HEARTBEAT_SECONDS: Final = 30.0
RECONNECT_SECONDS: Final = (0.5, 2.0)
_numbers = itertools.count()
T = TypeVar("T")


class ChatUser(HttpUser):
    """One user: signs in by name, joins a room and a lobby, then acts every one to three seconds."""

    wait_time = between(1, 3)
    run_id: ClassVar[str] = uuid.uuid4().hex[:8]

    def on_start(self) -> None:
        number = next(_numbers)
        self._source = _source_address(self.host or "", number)
        self._mount_source()
        self._name = f"load-{self.run_id}-{number}"
        self._room = f"public:load-{self.run_id}-{number // ROOM_MEMBERS}"
        self._lobby = f"public:load-lobby-{self.run_id}-{number // LOBBY_MEMBERS}"
        self._uploaded = False
        self._leaving = False
        self._chat: ChatClient | None = None
        self._token = self._sign_in()
        self._connect()
        gevent.spawn(self._heartbeats)

    def on_stop(self) -> None:
        """Ignore what the end of the run cuts off: it is no failure of the cluster."""
        self._leaving = True
        if self._chat is not None:
            self._chat.close()
        self._chat = None

    @task(60)
    def send(self) -> None:
        room = self._lobby if random.random() < LOBBY_SHARE else self._room
        text = texts.stamped(self.run_id, time.time())
        self._call("message:send", {"room": room, "id": uuid.uuid4().hex, "text": text})

    @task(25)
    def type_something(self) -> None:
        """Announce typing, then send; a droppable event has no answer to time."""
        self._emit("typing", {"room": self._room, "typing": True})
        gevent.sleep(random.uniform(0.2, 1.0))
        self.send()

    @task(10)
    def look_back(self) -> None:
        self._call("message:history", {"room": self._room, "limit": 50})

    @task(5)
    def post_picture(self) -> None:
        """Upload once per user: sign, POST to the storage, complete, send."""
        if self._uploaded:
            return
        self._uploaded = True
        data = picture.png()
        signed = self._call(
            "media:sign", {"room": self._room, "name": "load.png", "type": "image/png", "size": len(data)}
        )
        if signed is None or not self._store(signed, data):
            return
        if self._call("media:complete", {"upload": signed["upload"]}) is not None:
            message = {"room": self._room, "id": uuid.uuid4().hex, "upload": signed["upload"]}
            self._call("message:send", message)

    def _sign_in(self) -> str:
        with self.client.post("/dev/login", json={"name": self._name}, catch_response=True) as answer:
            token = answer.json().get("token") if answer.ok else None
            if token is None:
                answer.failure(f"HTTP {answer.status_code}")
                raise StopUser
            answer.success()
            return str(token)

    def _connect(self) -> None:
        """Connect and join; try again after a failure, as a browser would."""
        while self._chat is None or self._chat.closed:
            try:
                self._chat = self._timed("connect", "websocket", self._open)
                self._call("room:join", {"room": self._room})
                self._call("room:join", {"room": self._lobby})
                self._call("presence", {"status": "online"})
            except ChatError:
                gevent.sleep(random.uniform(*RECONNECT_SECONDS))

    def _open(self) -> ChatClient:
        return ChatClient(self.host or "", self._token, self._on_event, self._source)

    def _on_event(self, name: str, payload: Any) -> None:
        if name != "message":
            return
        sent = texts.sent_at(self.run_id, payload.get("text") or "")
        if sent is not None:
            self._report("delivery", "message", max(0.0, time.time() - sent))

    def _call(self, name: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        """Send an event and time its ack; return None when it failed (locust has noted it)."""
        chat = self._usable()
        try:
            return self._timed("ack", name, lambda: chat.call(name, payload))
        except ChatError:
            return None

    def _emit(self, name: str, payload: dict[str, Any]) -> None:
        try:
            self._usable().emit(name, payload)
        except ChatError as error:
            self._report("drop", "connection", 0.0, error)

    def _usable(self) -> ChatClient:
        if self._chat is None or self._chat.closed:
            self._report("drop", "connection", 0.0, ChatError("connection lost"))
            self._connect()
        assert self._chat is not None
        return self._chat

    def _store(self, signed: dict[str, Any], data: bytes) -> bool:
        """POST (or PUT) the file where the signer said; true when the storage took it."""
        with self.client.request(
            signed["method"],
            signed["url"],
            name="upload",
            catch_response=True,
            **_body(signed, data),
        ) as answer:
            if not answer.ok:
                answer.failure(f"HTTP {answer.status_code}")
                return False
            answer.success()
            return True

    def _heartbeats(self) -> None:
        while True:
            gevent.sleep(HEARTBEAT_SECONDS * random.uniform(0.8, 1.0))
            if self._chat is None:
                return
            if not self._chat.closed:
                self._call("presence", {"status": "online"})

    def _timed(self, kind: str, name: str, action: Callable[[], T]) -> T:
        started = time.perf_counter()
        try:
            result = action()
        except ChatError as error:
            self._report(kind, name, time.perf_counter() - started, error)
            raise
        self._report(kind, name, time.perf_counter() - started)
        return result

    def _report(self, kind: str, name: str, seconds: float, error: Exception | None = None) -> None:
        if self._leaving and error is not None:
            return
        self.environment.events.request.fire(
            request_type=kind,
            name=name,
            response_time=seconds * 1000,
            response_length=0,
            exception=error,
            context={},
        )

    def _mount_source(self) -> None:
        if self._source is not None:
            self.client.mount("http://", _FromAddress(self._source))


class _FromAddress(HTTPAdapter):
    """An adapter that connects from a given address, so that limits per address see many users."""

    def __init__(self, source: str) -> None:
        self._source = source
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, source_address=(self._source, 0), **kwargs)


def _refresh_time(**_: Any) -> None:
    """Let the run time begin now: gevent counts it from its loop's last turn, which imports may have delayed."""
    gevent.get_hub().loop.update_now()


events.init.add_listener(_refresh_time)  # type: ignore[no-untyped-call]


def _body(signed: dict[str, Any], data: bytes) -> dict[str, Any]:
    if signed["method"] == "POST":
        return {"data": signed.get("fields", {}), "files": {"file": ("load.png", data, "image/png")}}
    return {"data": data, "headers": signed.get("headers", {})}


def _source_address(url: str, number: int) -> str | None:
    """Return a loopback address per user when the cluster is on loopback; else None (the machine's own)."""
    host = urlsplit(url).hostname or ""
    is_loopback = host == "localhost" or (host[:1].isdigit() and ip_address(host).is_loopback)
    return f"127.1.{1 + number // 250 % 250}.{1 + number % 250}" if is_loopback else None
