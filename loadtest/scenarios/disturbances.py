"""Scenarios with disturbances: all users reconnect at once, or clients read too slowly."""

from __future__ import annotations

import random
from collections.abc import Iterable

import gevent
from locust import constant, task

from loadtest.scenarios.connection import Connection
from loadtest.scenarios.user import ChatUser

_SLOW_ONE_IN = 10
_SLOW_BUFFER_BYTES = 4_096
_LONG_TEXT = 12_000


class ReconnectStorm(ChatUser):
    """All users drop their connections at the same moment, every `--storm-seconds`, and send a message in between."""

    wait_time = constant(0)

    @task
    def wait_for_the_storm(self) -> None:
        """Send once, wait until the time is a multiple of the interval, then drop the connection."""
        interval = max(1.0, self.environment.parsed_options.storm_seconds)
        left = interval - self.state.clock.now() % interval
        gevent.sleep(left * random.random())
        self.say()
        gevent.sleep(max(0.0, interval - self.state.clock.now() % interval))
        if not self.state.is_stopping:
            self.drop()
            self.ready.wait(interval)


class SlowClients(ChatUser):
    """One busy room of all users. One user in ten stops reading: the gateway must cut that client off, and no other."""

    wait_time = constant(1)

    def room_names(self) -> Iterable[str]:
        return (f"public:load-{self.state.id}-slow",)

    @property
    def is_slow(self) -> bool:
        """Return whether this user stops reading."""
        return self.number % _SLOW_ONE_IN == _SLOW_ONE_IN - 1

    @task
    def act(self) -> None:
        if not self.is_slow:
            self.say(text=self.state.stamped(_LONG_TEXT))
        elif self.ready.is_set() and self.connection is not None and self.connection.is_reading.is_set():
            self.connection.stop_reading(_SLOW_BUFFER_BYTES)

    def _lost(self, connection: Connection) -> None:
        """Count the end of a slow client's connection, which is expected; any other end is a failure."""
        if connection.is_reading.is_set():
            super()._lost(connection)
        else:
            self.state.counts["slow clients disconnected"] += 1

    def check_losses(self) -> None:
        """Check for losses, except of users that do not read."""
        if not self.is_slow:
            super().check_losses()
