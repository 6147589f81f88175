"""The state that the users of one process share: names that are unique over workers, tokens, the clock, and counts."""

from __future__ import annotations

import itertools
from collections import Counter
from ipaddress import ip_address
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from loadtest import texts
from loadtest.scenarios.clock import Clock
from loadtest.scenarios.tokens import Source, make_source

DELIVERY: Final = "delivery"
MESSAGE: Final = "message"
TEXT_SIZE: Final = 128


class Checked(Protocol):
    """A user that can check at the end of the run whether it received every message in the logs of its rooms."""

    def check_losses(self) -> None:
        """Count the messages that did not arrive."""
        ...


class Run:
    """One process of a run. `loadtest.results.collector` sums the `counts` of all processes."""

    def __init__(self, environment: Any, clock: Clock) -> None:
        self.environment = environment
        self.clock = clock
        self.counts: Counter[str] = Counter()
        self.is_stopping = False
        self.users: set[Checked] = set()
        self.known_users: set[str] = set()
        """Ids of the users of this process, as the server sees them."""
        self.typed_at: dict[tuple[str, str], float] = {}
        """When each user of this process last announced typing: seconds since the epoch, by room and user."""
        self._numbers = itertools.count()
        self._tokens: Source | None = None

    @property
    def id(self) -> str:
        """The name of the run, the same in all workers."""
        return str(self.environment.parsed_options.run_id)

    @property
    def worker(self) -> int:
        """The number of this worker; 0 without workers."""
        return max(0, int(getattr(self.environment.runner, "worker_index", 0)))

    def next_number(self) -> int:
        """Return a number that no other user of this process has."""
        return next(self._numbers)

    def name(self, number: int) -> str:
        """Return a user id that no other user of any worker has."""
        return f"load-{self.id}-{self.worker}-{number}"

    def token(self, user: str) -> str:
        """Return a token for `user`. Raise TokenError if the source gives none."""
        if self._tokens is None:
            options = self.environment.parsed_options
            count = max(1, int(getattr(options, "expect_workers", 1) or 1))
            self._tokens = make_source(options, self.environment.host or "", (self.worker % count, count))
        return self._tokens(user)

    def source_address(self, number: int) -> str | None:
        """Return the local address that a user connects from; None lets the operating system choose.

        On a loopback cluster each user has its own address; otherwise limits per address would count all users as one.
        """
        host = urlsplit(self.environment.host or "").hostname or ""
        is_loopback = host == "localhost" or (host[:1].isdigit() and ip_address(host).is_loopback)
        place = number + 9_973 * self.worker
        return f"127.{1 + place // 62_500 % 250}.{1 + place // 250 % 250}.{1 + place % 250}" if is_loopback else None

    def stamped(self, size: int = TEXT_SIZE) -> str:
        """Return a text of `size` characters that contains its send time."""
        return texts.stamped(self.id, self.clock.now(), size)

    def delivered(self, text: str, read_at: float) -> None:
        """Record the time that a message of this run took from the sender to the receiver."""
        sent = texts.sent_at(self.id, text)
        if sent is not None:
            self.latency(MESSAGE, self.clock.to_master_time(read_at) - sent)

    def latency(self, name: str, seconds: float) -> None:
        """Record a delivery in locust's statistics under its own name, outside of the total of requests."""
        entry = self.environment.stats.get(name, DELIVERY)
        entry.log(max(0.0, seconds * 1000), 0)

    def report(self, kind: str, name: str, seconds: float, error: Exception | None = None) -> None:
        """Record a request in locust's statistics."""
        self.environment.events.request.fire(
            request_type=kind,
            name=name,
            response_time=seconds * 1000,
            response_length=0,
            exception=error,
            context={},
        )
