"""The base of all scenarios: a user who signs in, stays connected, joins rooms, and at the end checks for losses."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterable
from typing import Any, ClassVar, Final

import gevent
from gevent.event import Event
from locust import User
from locust.exception import StopUser

from loadtest.chaos.backoff import RECONNECT
from loadtest.scenarios.connection import (
    ChatError,
    Connection,
    ConnectionEnded,
    NegativeAck,
    TurnedAway,
)
from loadtest.scenarios.position import Position
from loadtest.scenarios.run_state import DELIVERY, Run
from loadtest.scenarios.tokens import TokenError

HEARTBEAT_SECONDS: Final = 30.0
BACK_SECONDS: Final = 30.0
"""Longest wait of an action for a reconnect, in seconds."""
ARRIVAL_SECONDS: Final = 3.0
"""Longest wait at the end of a run for a reconnect, and then for the last messages, in seconds."""
PAGE: Final = 100
_MAX_PAGES: Final = 200


class ChatUser(User):
    """A user that connects and joins `room_names()`; subclasses add tasks. `run_state` is set when locust starts."""

    abstract = True
    run_state: ClassVar[Run]
    presence_status: ClassVar[str] = "online"

    def room_names(self) -> Iterable[str]:
        """Return the rooms of this user."""
        group = self.number // max(1, self.environment.parsed_options.room_users)
        return (f"public:load-{self.state.id}-{self.state.worker}-{group}",)

    # --- locust ---

    def on_start(self) -> None:
        """Sign in, connect and join, then keep the connection."""
        self.state = self.run_state
        self.number = self.state.next_number()
        self.name = self.state.name(self.number)
        self.rooms = {room: Position() for room in self.room_names()}
        self.connection: Connection | None = None
        self.ready = Event()
        self._is_leaving = False
        self._is_away = False
        """True from the end of a connection until the user has joined all rooms again."""
        self._is_end_expected = False
        """True when the server has announced the end of this connection, or the scenario ends it."""
        self._source = self.state.source_address(self.number)
        self._token = self._take_token()
        self._keeper = gevent.spawn(self._keep_connected)
        self._beat = gevent.spawn(self._heartbeats)
        self.state.users.add(self)
        self.ready.wait(BACK_SECONDS)

    def on_stop(self) -> None:
        """Close the connection. Actions that are interrupted by the end of the run do not count as failures."""
        self._is_leaving = True
        self.state.users.discard(self)
        for greenlet in (self._keeper, self._beat):
            greenlet.kill(block=False)
        if self.connection is not None:
            self.connection.close()

    # --- actions of a user ---

    @property
    def room(self) -> str:
        """The first of the user's rooms."""
        return next(iter(self.rooms))

    def say(self, room: str | None = None, **fields: Any) -> dict[str, Any] | None:
        """Send a message with its send time in the text."""
        if self.state.is_stopping:
            return None
        payload = {"room": room or self.room, "id": uuid.uuid4().hex, **(fields or {"text": self.state.stamped()})}
        answer = self.call("message:send", payload)
        if answer is not None:
            self.state.counts["acked"] += 1
        return answer

    def type(self, room: str | None = None) -> None:
        """Announce typing, a droppable event without an ack."""
        self.state.typed_at[room or self.room, self.name] = time.time()
        self.emit("typing", {"room": room or self.room, "typing": True})

    def call(self, name: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        """Send an event and time its ack; return None after a failure, which locust has counted.

        If the connection ends before the ack, the event is sent again over the next connection, as the SDK does. The
        end of the connection counts as one failure, unless the server has announced it (`drain`).
        """
        begun, row = time.perf_counter(), name
        while (connection := self._usable()) is not None:
            try:
                answer = connection.call(name, payload)
            except ChatError as error:
                if self._may_repeat(connection, error):
                    row = f"{name} (reconnected meanwhile)"
                    continue
                self._report("ack", name, time.perf_counter() - begun, error)
                return None
            self._report("ack", row, time.perf_counter() - begun)
            return answer
        return None

    def emit(self, name: str, payload: dict[str, Any]) -> None:
        """Send an event without an ack."""
        connection = self._usable()
        if connection is None:
            return
        try:
            connection.emit(name, payload)
        except ConnectionEnded:
            self.state.counts["typing and status events not sent"] += 1

    def drop(self) -> None:
        """Drop the connection, like a client that loses its network; the user reconnects by itself."""
        if self.connection is not None:
            self.ready.clear()
            self._is_end_expected = True
            self.connection.close()

    def check_losses(self) -> None:
        """Compare each room with the server's log: every message sent until now must have arrived."""
        if not self.ready.wait(ARRIVAL_SECONDS) or (connection := self.connection) is None:
            self.state.counts["rooms not checked"] += len(self.rooms)
            return
        for room, position in self.rooms.items():
            try:
                self._check_room(connection, room, position)
            except ChatError:
                self.state.counts["rooms not checked"] += 1

    # --- events ---

    def on_event(self, name: str, payload: Any, read_at: float) -> None:
        """Handle an event from the server; subclasses may extend this."""
        if name == "message":
            self._on_message(payload, read_at)
        elif name == "ready":
            self.name = payload["user"]
            self.state.known_users.add(self.name)
        elif name == "typing":
            typed = self.state.typed_at.get((payload["room"], payload["user"]))
            if typed is not None:
                self.state.latency("typing", read_at - typed)
        elif name == "drain":
            self._is_end_expected = True
            self.state.counts["planned moves"] += 1
        elif name == "resync" and payload["room"] in self.rooms:
            self.state.counts["resyncs"] += 1
            gevent.spawn(self._join_quietly, payload["room"])

    def _on_message(self, payload: Any, read_at: float) -> None:
        position = self.rooms.get(payload["room"])
        if position is None:
            return
        if position.received(payload["epoch"], payload["seq"]):
            self.state.counts["delivered"] += 1
            self.state.delivered(payload.get("text") or "", read_at)

    # --- the connection ---

    def _take_token(self) -> str:
        try:
            return self.state.token(self.name)
        except TokenError as error:
            self._report("token", "sign in", 0.0, error)
            raise StopUser from None

    def _keep_connected(self) -> None:
        """Connect, and reconnect like the SDK: with jittered backoff, Retry-After, and joins with `since`."""
        attempt, away_since = 0, time.perf_counter()
        while not self._is_leaving:
            wait = 0.0
            try:
                self._connect()
                self._came_back(time.perf_counter() - away_since)
                attempt = 0
                away_since = self._stay()
            except TurnedAway as refusal:
                self.state.counts["connects told to wait"] += 1
                wait = refusal.wait
            except ChatError:  # already reported where it was raised
                pass
            gevent.sleep(RECONNECT.wait(attempt, random.random(), wait) if attempt or wait else random.random())
            attempt += 1

    def _connect(self) -> None:
        begun = time.perf_counter()
        self._is_end_expected = False
        try:
            connection = Connection(self.environment.host or "", self._token, self.on_event, self._source)
        except TurnedAway:
            raise
        except ChatError as error:
            self._report("connect", "websocket", time.perf_counter() - begun, error)
            raise
        self._report("connect", "websocket", time.perf_counter() - begun)
        self.connection = connection
        try:
            for room in self.rooms:
                self._join(connection, room)
            connection.emit("presence", {"status": self.presence_status})
        except ChatError as error:
            if self._is_end_expected and isinstance(error, ConnectionEnded):
                self._is_away = True
            else:
                self._report("ack", "room:join", time.perf_counter() - begun, error)
            connection.close()
            raise

    def _came_back(self, away: float) -> None:
        if self._is_away:
            self._report("recovery", "after a move or drop", away)
        self._is_away = False
        self.ready.set()

    def _stay(self) -> float:
        """Wait for the end of the connection and return its time. An end that was not announced is a failure."""
        connection = self.connection
        assert connection is not None
        connection.ended.wait()
        self.ready.clear()
        self._is_away = True
        if not self._is_end_expected:
            self._lost(connection)
        return time.perf_counter()

    def _lost(self, connection: Connection) -> None:
        """Count a connection that ended unannounced as a failure; scenarios that cause such ends override this."""
        self._report("drop", "connection", 0.0, ChatError(connection.why))

    def _join(self, connection: Connection, room: str) -> None:
        """Join the room with the user's position, and receive the missed messages page by page."""
        position = self.rooms[room]
        for _ in range(_MAX_PAGES):
            since = position.since
            payload = {"room": room, "limit": PAGE, **({"since": since} if since else {})}
            begun = time.perf_counter()
            position.begin()
            answer = connection.call("room:join", payload)
            self._report("ack", "room:join with since" if since else "room:join", time.perf_counter() - begun)
            self.state.counts["recovered"] += len(answer["messages"]) if since and answer["recovered"] else 0
            if not position.joined(answer):
                return

    def _join_quietly(self, room: str) -> None:
        connection = self.connection
        if connection is not None:
            try:
                self._join(connection, room)
            except ChatError as error:
                self._report("ack", "room:join with since", 0.0, error)

    def _check_room(self, connection: Connection, room: str, position: Position) -> None:
        answer = connection.call("message:history", {"room": room, "limit": 1})
        newest, epoch = int(answer["seq"]), answer["epoch"]
        deadline = time.perf_counter() + ARRIVAL_SECONDS
        while epoch == position.epoch and position.missing(newest) and time.perf_counter() < deadline:
            gevent.sleep(0.05)
        counts = self.state.counts
        counts["rooms checked"] += 1
        counts["declared"] += position.declared + (epoch != position.epoch)
        counts["duplicates"] += position.duplicates
        counts["missing"] += len(position.missing(newest)) if epoch == position.epoch else 0

    def _usable(self) -> Connection | None:
        """Return the connection once it is ready; None at the end of the run or when a reconnect failed."""
        if not self.ready.wait(BACK_SECONDS) and not self._is_leaving:
            self._report("drop", "connection", BACK_SECONDS, ChatError("not back in time"))
            return None
        return self.connection

    def _may_repeat(self, connection: Connection, error: ChatError) -> bool:
        """Return whether to send an event over the next connection: this one ended, or its gateway is draining."""
        if isinstance(error, NegativeAck) and error.reason == "draining":
            connection.ended.wait(BACK_SECONDS)
            return True
        return isinstance(error, ConnectionEnded) and not self._is_leaving

    def _heartbeats(self) -> None:
        while True:
            gevent.sleep(HEARTBEAT_SECONDS * random.uniform(0.7, 1.0))
            if self.ready.is_set():
                self.emit("presence", {"status": self.presence_status})

    def _report(self, kind: str, name: str, seconds: float, error: Exception | None = None) -> None:
        if self._is_leaving and error is not None:
            return
        assert kind != DELIVERY
        self.state.report(kind, name, seconds, error)
