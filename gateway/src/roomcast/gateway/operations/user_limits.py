"""Limit the events of one user over all connections: on this gateway at once, on all gateways a second later.

All connections of a user on a gateway share one token bucket. The bucket's rate grows with the number of connections,
up to `SHARES`. So several devices do not slow a user down, but a thousand connections with one token do not get a
thousand times the rate. Once a second the gateway reports busy users to Redis, and lowers their local rate to this
gateway's share. So a user on N gateways gets at most N times the limit, and only for one second.

While the event loop or Redis is overloaded, every bucket gets a smaller rate. A user with few events does not notice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.limits import CUSTOM_EVENTS_BURST, CUSTOM_EVENTS_PER_SECOND
from roomcast.engineio.limits.token_bucket import TokenBucket
from roomcast.gateway.operations.ticks import Ticks
from roomcast.gateway.sign_in.event_limit import READS_AT_ONCE, owe, retry_after

SHARES: Final = 4
"""Largest rate of a user, in multiples of the rate of one connection."""
MAX_CONNECTIONS: Final = 50
"""Most connections of one user on one gateway."""
BURST_SECONDS: Final = 4.0
SIGN_IN_EVENTS: Final = 5.0
"""Events that a repeated sign-in of a user counts as. A sign-in takes a gateway as long as several events."""
PEAK_SECONDS: Final = 60.0
"""Seconds for which a user's largest number of connections is remembered. A connection above this number may add a
burst; any other new connection counts as a repeated sign-in. Otherwise a client that ends and opens a connection again
and again would fill the bucket."""
FREE_JOIN_SECONDS: Final = 60.0
"""Seconds in which all free joins of a user are renewed. A user has as many as `SHARES` connections may join rooms, so
that a reload, which joins all rooms again, stays free. Free joins belong to the user, not to a session, because one
WebSocket can begin new sessions again and again."""
OVERLOAD_SECONDS: Final = 0.1
"""Lateness of the event loop that counts as overload, in seconds."""
RELIEF_SECONDS: Final = 0.03
REDIS_PATIENCE: Final = 5.0
"""The delay of packets through Redis that counts as overload, in multiples of OVERLOAD_SECONDS."""
MIN_FACTOR: Final = 1 / 16
_LATE_IN_A_ROW: Final = 2
"""Late seconds in a row that count as overload; a single stall does not."""
_FALL: Final = 0.5
_GROWTH: Final = 1.25
_BUSY_SHARE: Final = 0.25
"""Part of the limit above which a user is reported to Redis as busy."""
_SLICE: Final = 500

_log = logging.getLogger(__name__)


def _never() -> float:
    return 0.0


class EventsPort(Protocol):
    """See `roomcast.gateway.stores.user_events.UserEvents`."""

    async def report(self, events: Mapping[str, int]) -> dict[str, int]:
        """Report the users' events of the last second on this gateway; return their events on all gateways."""
        ...


class UserLimit:
    """The limits that the connections of one user share."""

    __slots__ = (
        "bucket",
        "connections",
        "custom_events",
        "free_joins",
        "patience",
        "peak",
        "peak_at",
        "reads",
        "share",
        "taken_before",
    )

    def __init__(self, rate: float, free_joins: int, now: float) -> None:
        """`rate`: events per second of one connection; `free_joins`: joins at once that count as one event each."""
        self.bucket = TokenBucket(rate, rate * BURST_SECONDS, now)
        self.patience = TokenBucket(rate, rate * BURST_SECONDS, now)
        """Refused events that a client may send before the gateway disconnects the client."""
        self.custom_events = TokenBucket(CUSTOM_EVENTS_PER_SECOND, CUSTOM_EVENTS_BURST, now)
        self.free_joins = TokenBucket(free_joins / FREE_JOIN_SECONDS, free_joins, now)
        self.reads = asyncio.Semaphore(READS_AT_ONCE)
        self.connections = 0
        self.peak = 0
        """The largest number of connections within PEAK_SECONDS; `peak_at`: the time at which it was reached."""
        self.peak_at = now
        self.share = 1.0
        """The part of the user's limit that this gateway may give out."""
        self.taken_before = 0.0

    def count_connection(self, now: float) -> bool:
        """Count a new connection; return whether the user now has more connections than the peak so far."""
        if now - self.peak_at > PEAK_SECONDS:
            self.peak = self.connections
        self.connections += 1
        if self.connections <= self.peak:
            return False
        self.peak, self.peak_at = self.connections, now
        return True

    def is_unused(self, now: float) -> bool:
        """Return whether the limit may be forgotten: the user has no connection, and all buckets are full."""
        if self.connections > 0:
            return False
        buckets = self.bucket, self.patience, self.custom_events, self.free_joins
        for bucket in buckets:
            bucket.take(now, 0.0)
        return all(bucket.level >= bucket.burst for bucket in buckets)


class UserLimits:
    """The limits of all users with connections here. `rate`: events per second of one connection."""

    def __init__(
        self,
        rate: float,
        clock: Callable[[], float],
        late_seconds: Callable[[], float] = _never,
        *,
        rooms_per_connection: int,
    ) -> None:
        """`late_seconds` returns the longest delay of a packet through Redis and this process since the last call."""
        self._rate = rate
        self._free_joins = rooms_per_connection * SHARES
        self._clock = clock
        self._late_seconds_of_redis = late_seconds
        self._users: dict[str, UserLimit] = {}
        self.factor = 1.0
        """The part of the rate that every user has now: below 1 while the event loop or Redis is overloaded."""
        self._worst_busy = 0.0
        self._late_seconds = 0

    def require_place(self, user: str) -> None:
        """Raise RATE_LIMITED if the user's debt takes more than a second to repay. Call before a sign-in costs work."""
        limit = self._users.get(user)
        if limit is None:
            return
        limit.bucket.take(self._clock(), 0.0)
        if limit.bucket.level < -limit.bucket.rate:
            wait = retry_after(limit.bucket)
            raise RoomcastError(Code.RATE_LIMITED, "too many events or sign-ins of the user", retry_after=wait)

    def add_connection(self, user: str) -> UserLimit:
        """Add a connection; raises RoomcastError (RATE_LIMITED) when the user has too many connections here."""
        now = self._clock()
        limit = self._users.get(user)
        if limit is None:
            limit = self._users[user] = UserLimit(self._rate * self.factor, self._free_joins, now)
        elif limit.connections >= MAX_CONNECTIONS:
            raise RoomcastError(Code.RATE_LIMITED, f"a user has at most {MAX_CONNECTIONS} connections", retry_after=5.0)
        is_more = limit.count_connection(now)
        if not is_more:
            owe(limit.bucket, SIGN_IN_EVENTS)
        self._size(limit, is_grown=is_more and 1 < limit.connections <= SHARES)
        return limit

    def remove_connection(self, user: str) -> None:
        """Remove a connection. After the last one, `take_busy` forgets the limit once its buckets are full again."""
        limit = self._users.get(user)
        if limit is None:
            return
        limit.connections -= 1
        self._size(limit)

    def record_busy(self, busy_seconds: float) -> None:
        """Record how long the event loop was late because of its own work."""
        self._worst_busy = max(self._worst_busy, busy_seconds)

    def _size(self, limit: UserLimit, *, is_grown: bool = False) -> None:
        counted = min(SHARES, max(1, limit.connections))
        limit.custom_events.rate = CUSTOM_EVENTS_PER_SECOND * counted
        limit.custom_events.burst = CUSTOM_EVENTS_BURST * counted
        shares = counted * limit.share * self.factor
        limit.bucket.rate = limit.patience.rate = self._rate * shares
        limit.bucket.burst = limit.patience.burst = max(1.0, self._rate * shares * BURST_SECONDS)
        if is_grown:
            limit.bucket.level += self._rate * self.factor * BURST_SECONDS
            limit.custom_events.level += CUSTOM_EVENTS_BURST

    async def run(self, events: EventsPort, ticks: Ticks) -> None:
        """Adapt the limits to the load and to the other gateways once a second, until cancelled."""
        while True:
            await ticks.wait()
            self.record_busy(self._late_seconds_of_redis() / REDIS_PATIENCE)
            self.adapt()
            busy = await self.take_busy()
            if not busy:
                continue
            try:
                self.share_out(busy, await events.report(busy))
            except RoomcastError as error:
                _log.info("busy users could not be reported; their limits are per gateway for now: %s", error)

    def adapt(self) -> None:
        """Lower the rates of all users while the loop or Redis is overloaded; raise them again after that."""
        lag, self._worst_busy, before = self._worst_busy, 0.0, self.factor
        self._late_seconds = self._late_seconds + 1 if lag > OVERLOAD_SECONDS else 0
        if self._late_seconds >= _LATE_IN_A_ROW:
            self.factor = max(MIN_FACTOR, self.factor * _FALL)
        elif lag < RELIEF_SECONDS:
            self.factor = min(1.0, self.factor * _GROWTH)
        if self.factor == before:
            return
        if self.factor < before:
            _log.warning("the event loop or Redis is overloaded: users' rates are at %.0f %%", self.factor * 100)
        for limit in self._users.values():
            self._size(limit)

    async def take_busy(self) -> dict[str, int]:
        """Return the events of busy users since the last call; forget unused limits."""
        busy: dict[str, int] = {}
        now = self._clock()
        least = self._rate * SHARES * _BUSY_SHARE
        for number, (user, limit) in enumerate(list(self._users.items()), start=1):
            taken = limit.bucket.taken - limit.taken_before
            limit.taken_before = limit.bucket.taken
            if taken >= least or limit.share < 1.0:
                busy[user] = int(taken)
            elif limit.is_unused(now):
                self._users.pop(user, None)
            if number % _SLICE == 0:
                await asyncio.sleep(0)
        return busy

    def share_out(self, local: Mapping[str, int], totals: Mapping[str, int]) -> None:
        """Give each busy user the share of the limit that matches this gateway's share of the user's events."""
        allowed = self._rate * SHARES
        for user, total in totals.items():
            limit = self._users.get(user)
            if limit is None:
                continue
            limit.share = 1.0 if total <= allowed else max(MIN_FACTOR, local[user] / total)
            self._size(limit)
