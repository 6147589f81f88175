"""Admit new sessions at the rate that the event loop can bear, fairly between addresses. Pure; the clock is passed in.

After a crash, thousands of clients reconnect within a second. Each client costs a token check, presence and a recovery.
Admitting all at once would stall the clients that are already connected. So new sessions wait in a queue for *places*;
each place admits one session.

- **Rate.** New places come at a rate that starts at START_RATE. The rate grows while the event loop wakes on time, and
  falls when the loop wakes late.
- **Fairness.** Addresses take turns (an IPv6 /64 counts as one), so one address cannot delay the others. A full queue
  drops the newest request of the address with the most waiting requests.
- **Priority.** Clients with a reconnect ticket go first, but every fourth place is for other clients.
- **No waste.** If a client disconnects while it waits, its place goes to the next client.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from math import ceil
from typing import Final

TICK_SECONDS: Final = 0.01
"""Seconds between two rounds of admission while clients wait."""
LATE_SECONDS: Final = 0.02
"""Lag of the event loop above which the rate falls, in seconds."""
EARLY_SECONDS: Final = 0.008
"""Lag of the event loop below which the rate grows, in seconds."""
START_RATE: Final = 200.0
"""First rate, in sessions per second."""
MIN_RATE: Final = 100.0
"""Lowest rate, in sessions per second. A new session costs 1 to 2 ms, so this rate leaves time for other work."""
MAX_RATE: Final = 5_000.0
BURST_SECONDS: Final = 0.1
"""Bound on unused places, in seconds: as many places as the rate gives in this time."""
MAX_WAITING: Final = 2_000
PATIENCE_SECONDS: Final = 5.0
"""Longest wait for a place, in seconds. The gateway then refuses the client, which may find another gateway."""
_GROWTH: Final = 1.05
_FALL: Final = 0.8
_OTHERS_EVERY: Final = 4
_MAX_RETRY_SECONDS: Final = 30


class Ticket:
    """A new session that waits for a place. `subscriber` is the client's address or IPv6 /64.

    `answer(0)` admits the client, and returns whether the session began. `answer(n)` refuses the client, which may try
    again in n seconds.
    """

    __slots__ = ("answer", "deadline", "is_open", "is_returning", "subscriber")

    def __init__(self, subscriber: str, deadline: float, answer: Callable[[int], bool], *, is_returning: bool) -> None:
        self.subscriber = subscriber
        self.deadline = deadline
        self.answer = answer
        self.is_returning = is_returning
        self.is_open = True

    def close(self) -> Callable[[int], bool]:
        """Return the answer function, and drop the ticket's reference to it, so that the client's memory is freed."""
        answer, self.answer, self.is_open = self.answer, _no_answer, False
        return answer


def _no_answer(retry_after: int) -> bool:
    return False


class FairQueue:
    """Tickets by address. Addresses take turns; the tickets of one address keep their order."""

    def __init__(self) -> None:
        self._queues: OrderedDict[str, deque[Ticket]] = OrderedDict()
        self._by_length: list[dict[str, None]] = [{}]
        self._longest = 0
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def push(self, ticket: Ticket) -> None:
        """Add a ticket behind the other tickets of its address."""
        queue = self._queues.setdefault(ticket.subscriber, deque())
        queue.append(ticket)
        self._resized(ticket.subscriber, len(queue) - 1, len(queue))

    def pop(self) -> Ticket:
        """Remove and return the first ticket of the address whose turn it is."""
        subscriber, queue = next(iter(self._queues.items()))
        ticket = queue.popleft()
        self._settle(subscriber, queue, len(queue) + 1)
        if queue:
            self._queues.move_to_end(subscriber)
        return ticket

    def drop_longest(self) -> Ticket:
        """Remove and return the newest ticket of the address with the most tickets."""
        while not self._by_length[self._longest]:
            self._longest -= 1
        subscriber = next(iter(self._by_length[self._longest]))
        queue = self._queues[subscriber]
        ticket = queue.pop()
        self._settle(subscriber, queue, len(queue) + 1)
        return ticket

    def remove(self, ticket: Ticket) -> None:
        """Remove a ticket that waits here."""
        queue = self._queues[ticket.subscriber]
        queue.remove(ticket)
        self._settle(ticket.subscriber, queue, len(queue) + 1)

    def longest(self) -> int:
        """Return the number of tickets of the address with the most tickets."""
        while self._longest and not self._by_length[self._longest]:
            self._longest -= 1
        return self._longest

    def _settle(self, subscriber: str, queue: deque[Ticket], before: int) -> None:
        self._resized(subscriber, before, len(queue))
        if not queue:
            del self._queues[subscriber]

    def _resized(self, subscriber: str, before: int, after: int) -> None:
        """Update the index of addresses by queue length, after a queue has grown or shrunk by one ticket."""
        self._size += after - before
        self._by_length[before].pop(subscriber, None)
        if after == len(self._by_length):
            self._by_length.append({})
        if after:
            self._by_length[after][subscriber] = None
        self._longest = max(self._longest, after)


class AdmissionQueue:
    """The new sessions of one gateway. Call `tick` every TICK_SECONDS while `is_waiting`."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        max_waiting: int = MAX_WAITING,
        patience_seconds: float = PATIENCE_SECONDS,
        rate: float = START_RATE,
    ) -> None:
        self._clock = clock
        self._max_waiting = max_waiting
        self._patience = patience_seconds
        self.rate = rate
        """The present rate, in sessions per second."""
        self.refused = 0
        """The number of requests that were told to try again later."""
        self._places = rate * BURST_SECONDS
        self._filled_at = clock()
        self._returning = FairQueue()
        self._others = FairQueue()
        self._in_order: deque[Ticket] = deque()
        self._served = 0

    @property
    def is_waiting(self) -> bool:
        """Return whether clients wait for a place."""
        return bool(self._returning or self._others)

    def __len__(self) -> int:
        return len(self._returning) + len(self._others)

    def add(self, subscriber: str, answer: Callable[[int], bool], *, is_returning: bool = False) -> Ticket:
        """Request a place for a client of this address; `answer` may be called before this method returns."""
        now = self._clock()
        ticket = Ticket(subscriber, now + self._patience, answer, is_returning=is_returning)
        self._fill(now)
        if not self.is_waiting and self._places >= 1.0:
            self._give(ticket)
            return ticket
        self._queue_of(ticket).push(ticket)
        self._in_order.append(ticket)
        if len(self) > self._max_waiting:
            self._drop_one()
        return ticket

    def withdraw(self, ticket: Ticket) -> None:
        """Remove the ticket of a client that has disconnected. Idempotent."""
        if ticket.is_open:
            ticket.close()
            self._queue_of(ticket).remove(ticket)

    def tick(self, lag_seconds: float) -> None:
        """Adapt the rate to the event loop's lag, and admit clients to the places that are new since the last call."""
        if lag_seconds > LATE_SECONDS:
            self.rate = max(MIN_RATE, self.rate * _FALL)
        elif lag_seconds < EARLY_SECONDS and self.is_waiting:
            self.rate = min(MAX_RATE, self.rate * _GROWTH)
        now = self._clock()
        self._fill(now)
        self._expire(now)
        while self.is_waiting and self._places >= 1.0:
            self._give(self._next())

    def _fill(self, now: float) -> None:
        self._places = min(max(1.0, self.rate * BURST_SECONDS), self._places + (now - self._filled_at) * self.rate)
        self._filled_at = now

    def _next(self) -> Ticket:
        self._served += 1
        is_for_others = not self._returning or (self._others and self._served % _OTHERS_EVERY == 0)
        return (self._others if is_for_others else self._returning).pop()

    def _give(self, ticket: Ticket) -> None:
        """Admit a client. If the session does not begin after all, the place stays free."""
        if ticket.close()(0):
            self._places -= 1.0

    def _drop_one(self) -> None:
        """Refuse one request of the address with the most waiting requests in either queue."""
        queue = self._others if self._others.longest() >= self._returning.longest() else self._returning
        self._refuse(queue.drop_longest())

    def _expire(self, now: float) -> None:
        while self._in_order and (not self._in_order[0].is_open or self._in_order[0].deadline <= now):
            ticket = self._in_order.popleft()
            if ticket.is_open:
                self._queue_of(ticket).remove(ticket)
                self._refuse(ticket)

    def _refuse(self, ticket: Ticket) -> None:
        self.refused += 1
        ticket.close()(min(_MAX_RETRY_SECONDS, max(1, ceil(len(self) / self.rate))))

    def _queue_of(self, ticket: Ticket) -> FairQueue:
        return self._returning if ticket.is_returning else self._others
