"""Users who send messages over Socket.IO without a page."""

from __future__ import annotations

from typing import Any

import socketio

from deploy.cluster import Cluster
from roomcast.contract.tokens import sign
from tests.browser.page_users import unique
from tests.servers import wait_until

BURST = 190
"""The number of messages that one connection sends: less than the 200 events that a gateway accepts at once."""


class Writer:
    """A signed-in user with one connection, within a `with` block."""

    def __init__(self, cluster: Cluster, name: str = "Writer", *, user: str | None = None, **claims: Any) -> None:
        """Prepare a writer; `claims`: further claims of the token."""
        self.user = user or unique("writer")
        self._cluster = cluster
        self._name = name
        self._claims = claims
        self._client = socketio.SimpleClient()

    def __enter__(self) -> Writer:
        token = sign(self._cluster.jwt_secret, self.user, name=self._name, create=["*"], **self._claims)
        self._client.connect(self._cluster.url, auth={"token": token}, transports=["websocket"])
        # The gateway stores the profile after the sign-in; a user without a profile cannot be invited.
        wait_until(lambda: self.user in self.call("user:profiles", {"users": [self.user]})["users"], "a profile")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()

    def introduce(self, user: str) -> None:
        """Sign a user in once, because only a known user id can be invited."""
        with Writer(self._cluster, user=user):
            pass

    def call(self, event: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Send an event and return its ack; fail on a negative ack."""
        answer: dict[str, Any] = self._client.call(event, payload, timeout=10)
        assert answer["ok"], answer
        return answer

    def emit(self, event: str, payload: dict[str, Any]) -> None:
        """Send an event that is not acked."""
        self._client.emit(event, payload)

    def send(self, room: str, text: str, **more: object) -> int:
        """Send a message, and return its seq."""
        seq: int = self.call("message:send", {"room": room, "id": unique("m"), "text": text, **more})["seq"]
        return seq


def flood(cluster: Cluster, room: str, count: int, *, first: int = 1) -> None:
    """Send `count` messages: `line <first>`, `line <first + 1>` and so on, in order."""
    numbers = range(first, first + count)
    for at in range(0, count, BURST):
        with Writer(cluster) as writer:
            for number in numbers[at : at + BURST]:
                writer.send(room, f"line {number}")
