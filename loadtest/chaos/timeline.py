"""Put the messages of one room in order, as a client of `web/sdk` does. Pure.

The timeline of a *plain* client fills no gap. It accepts live messages in the order of their arrival. Such a client
joins again only after a reconnect or the server's `resync`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from loadtest.chaos.journal import Declared, Delivery, Disorder, Place, Reading, Via

MAX_AHEAD: Final = 1000
Message = Mapping[str, Any]


class Timeline:
    """A timeline that fills a `Reading`. `at` and `node` are the time and the gateway of an event."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.epoch: str | None = None
        self.last = 0
        self.is_current = False
        """True after the last page of this connection's join; until then live messages are held back."""
        self.gap_before: int | None = None
        """Set after a declared loss: read history below this seq until a page contains a known message."""
        self._ahead: dict[Place, Message] = {}
        self._known: dict[str, Place] = {}
        self._wire: Place | None = None

    @property
    def since(self) -> dict[str, Any] | None:
        """Return the `since` to send with a join."""
        return None if self.epoch is None else {"seq": self.last, "epoch": self.epoch}

    @property
    def has_gap(self) -> bool:
        return self.is_current and bool(self._ahead)

    def connected(self) -> None:
        """Begin a new connection. Drop the messages held back on the previous connection: a gap may follow them."""
        self.is_current = False
        self._ahead.clear()
        self._wire = None

    # --- events of the server ---

    def live(self, message: Message, at: float, node: str) -> None:
        place = Place(message["epoch"], message["seq"])
        self._watch_order(place, node)
        if not self.is_current:
            self._hold(place, message)
        elif self.reading.is_plain:
            self._take_plain(place, message, at, node)
        elif place.epoch == self.epoch and place.seq <= self.last:
            return
        elif place.epoch == self.epoch and place.seq == self.last + 1:
            self._take(message, at, node, "live")
            self.last = place.seq
            self._release(at, node)
        else:
            self._hold(place, message)

    def joined(self, answer: Message, since: Mapping[str, Any] | None, at: float, node: str) -> bool:
        """Process the ack of a `room:join` with `since`; return whether the next page must be requested."""
        page = sorted(answer["messages"], key=lambda message: int(message["seq"]))
        if since is None or not answer["recovered"] or answer["epoch"] != self.epoch:
            self._start_anew(answer, page, at, node)
            self._settle(at, node)
            return False
        fresh = [message for message in page if message["seq"] > self.last]
        for message in fresh:
            self._take(message, at, node, "join")
            self.last = message["seq"]
        if answer["more"] and fresh:
            return True
        self.last = max(self.last, answer["seq"])
        self._settle(at, node)
        return False

    def history(self, answer: Message, at: float, node: str) -> None:
        """Process a page of history that was requested because of `gap_before`."""
        page = sorted(answer["messages"], key=lambda message: -int(message["seq"]))
        self.gap_before = int(page[-1]["seq"]) if page and answer["more"] else None
        for message in page:
            if self._is_known(message):
                self.gap_before = None
                return
            self._take(message, at, node, "history")

    def resync(self, at: float, node: str) -> None:
        """Record a declared loss, and hold live messages back until the room is joined again."""
        if self.epoch is not None:
            self.reading.declared.append(Declared("", 0, at, node))
        self.is_current = False
        self._wire = None

    # --- parts ---

    def _start_anew(self, answer: Message, page: list[Message], at: float, node: str) -> None:
        if self.epoch is not None:
            first = int(page[0]["seq"]) if page else answer["seq"] + 1
            self.reading.declared.append(Declared(answer["epoch"], first - 1, at, node))
            meets = any(self._is_known(message) for message in page)
            self.gap_before = None if meets or first <= 1 else first
        self.epoch, self.last = answer["epoch"], answer["seq"]
        for message in page:
            self._take(message, at, node, "join")

    def _settle(self, at: float, node: str) -> None:
        """Mark the room as caught up, and release the messages that were held back."""
        self.is_current = True
        if self.reading.is_plain:
            held, self._ahead = self._ahead, {}
            for place, message in held.items():
                self._take_plain(place, message, at, node)
        else:
            self._release(at, node)

    def _release(self, at: float, node: str) -> None:
        while (message := self._ahead.pop(Place(self.epoch or "", self.last + 1), None)) is not None:
            self._take(message, at, node, "live")
            self.last += 1
        for place in [place for place in self._ahead if place.epoch == self.epoch and place.seq <= self.last]:
            del self._ahead[place]

    def _take_plain(self, place: Place, message: Message, at: float, node: str) -> None:
        if place.epoch == self.epoch and place.seq <= self.last:
            return
        self._take(message, at, node, "live")
        self.epoch, self.last = place

    def _take(self, message: Message, at: float, node: str, via: Via) -> None:
        delivery = Delivery(message["id"], Place(message["epoch"], message["seq"]), at, node, via)
        known = self._known.setdefault(delivery.id, delivery.place)
        if known is delivery.place:
            self.reading.deliveries.append(delivery)
        elif known != delivery.place:
            self.reading.repeats.append(delivery)

    def _is_known(self, message: Message) -> bool:
        return self._known.get(message["id"]) == Place(message["epoch"], message["seq"])

    def _hold(self, place: Place, message: Message) -> None:
        if len(self._ahead) < MAX_AHEAD:
            self._ahead[place] = message

    def _watch_order(self, place: Place, node: str) -> None:
        """Check that the messages of one connection arrive in order, before the client filters them."""
        last, self._wire = self._wire, place
        if last is not None and last.epoch == place.epoch and place.seq <= last.seq:
            disorder = Disorder(self.reading.room, node, place, last.seq, repeat=place == last)
            self.reading.disorders.append(disorder)
