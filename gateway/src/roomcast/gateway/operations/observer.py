"""What the chat announces. Observers count; they never change what happens."""

from __future__ import annotations

from roomcast.adapter.observer import AdapterObserver
from roomcast.hotpath import Histogram, OutcomeCounter


class GatewayObserver(AdapterObserver):
    """Ignores everything; override what you count. Seconds and plain counts, never rooms or users as labels."""

    def connected(self) -> None:
        """A client signed in."""

    def refused(self, reason: str) -> None:
        """A client was not let in."""

    def disconnected(self, reason: str) -> None:
        """A signed-in client went."""

    def event(self, name: str, outcome: str, seconds: float) -> None:
        """An event was handled; `outcome` is `ok` or the reason of the error."""

    def tally(self, name: str, outcome: str) -> OutcomeCounter:
        """Where the hot path counts events of this name and outcome itself, instead of telling of each."""
        return OutcomeCounter(Histogram(()))

    def drain(self, state: str) -> None:
        """`serving`, `draining` or `drained`."""
