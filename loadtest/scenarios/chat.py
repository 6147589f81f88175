"""Chat scenarios: rooms of ten, one large room, presence and typing, history and recovery, idle users."""

from __future__ import annotations

import random
from collections.abc import Iterable

import gevent
from locust import between, task

from loadtest.scenarios.user import ChatUser


class Chat(ChatUser):
    """Rooms of about ten. A user sends every one to three seconds, sometimes after typing, and reads history."""

    wait_time = between(1, 3)

    @task(65)
    def send(self) -> None:
        self.say()

    @task(25)
    def type_and_send(self) -> None:
        self.type()
        gevent.sleep(random.uniform(0.2, 1.0))
        self.say()

    @task(10)
    def look_back(self) -> None:
        self.call("message:history", {"room": self.room, "limit": 50})


class LargeRoom(ChatUser):
    """All users of all workers in one room. Each sends about once a minute; n users cause n² deliveries a minute."""

    wait_time = between(40, 80)

    def room_names(self) -> Iterable[str]:
        return (f"public:load-{self.state.id}-large",)

    @task
    def send(self) -> None:
        gevent.sleep(random.uniform(0, 20))
        self.say()


class PresenceAndTyping(ChatUser):
    """Users who type a lot, change their status, and ask who is online; few messages."""

    wait_time = between(1, 3)

    @task(60)
    def type_something(self) -> None:
        self.type()

    @task(15)
    def change_status(self) -> None:
        self.call("presence", {"status": random.choice(("online", "away", "busy"))})

    @task(15)
    def ask(self) -> None:
        known = list(self.state.known_users)
        self.call("presence:query", {"users": random.sample(known, min(20, len(known)))})

    @task(10)
    def send(self) -> None:
        self.say()


class HistoryAndRecovery(ChatUser):
    """Users who read history, lose their network for seconds, and must get every message sent meanwhile."""

    wait_time = between(1, 3)

    @task(40)
    def send(self) -> None:
        self.say()

    @task(30)
    def read_back(self) -> None:
        """Read two pages of history, like a person who scrolls up."""
        answer = self.call("message:history", {"room": self.room, "limit": 50})
        if answer is not None and answer["more"]:
            before = answer["messages"][0]["seq"]
            self.call("message:history", {"room": self.room, "limit": 50, "before": before})

    @task(30)
    def lose_network(self) -> None:
        self.drop()
        self.ready.wait(30)


class IdleConnections(ChatUser):
    """Users who are connected and send nothing but heartbeats, to measure the cost of a connection."""

    wait_time = between(50, 60)

    @task
    def stay(self) -> None:
        """Send nothing: the connection sends heartbeats by itself."""
