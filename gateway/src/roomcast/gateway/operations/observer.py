"""The events that the chat announces. Observers count; they never change what happens."""

from __future__ import annotations

from roomcast.adapter.observer import AdapterObserver
from roomcast.gateway.operations.histogram import Histogram, OutcomeCounter


class GatewayObserver(AdapterObserver):
    """Ignore every event; override what you count. Never use rooms or users as labels."""

    def connected(self) -> None:
        """A client signed in."""

    def refused(self, reason: str) -> None:
        """A client's sign-in was refused."""

    def disconnected(self, reason: str) -> None:
        """A signed-in client's connection ended."""

    def event(self, name: str, outcome: str, seconds: float) -> None:
        """A client event was handled; `outcome` is `ok` or the reason of the error."""

    def tally(self, name: str, outcome: str) -> OutcomeCounter:
        """Return the counter in which the fast path itself counts events of this name and outcome."""
        return OutcomeCounter(Histogram(()))

    def drain(self, state: str) -> None:
        """The gateway is `serving`, `draining` or `drained`."""
