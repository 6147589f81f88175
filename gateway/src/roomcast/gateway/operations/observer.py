"""The interface through which the chat reports events for metrics. An observer only counts them."""

from __future__ import annotations

from roomcast.gateway.operations.histogram import Histogram, OutcomeCounter


class GatewayObserver:
    """Ignores every event; subclasses override what they count. Never use rooms or users as labels."""

    def connected(self) -> None:
        """Report a client that signed in."""

    def refused(self, reason: str) -> None:
        """Report a refused sign-in."""

    def disconnected(self, reason: str) -> None:
        """Report the end of a signed-in client's connection."""

    def event(self, name: str, outcome: str, seconds: float) -> None:
        """Report a client event; `outcome` is `ok` or the reason of the error."""

    def tally(self, name: str, outcome: str) -> OutcomeCounter:
        """Return the counter in which the fast path itself counts events of this name and outcome."""
        return OutcomeCounter(Histogram(()))

    def publish_hook(self, outcome: str, seconds: float, *, is_open: bool) -> None:
        """Report a request to the publish hook.

        `outcome`: `accepted`, `changed`, `refused`, or the reason why no verdict came; `is_open`: the circuit is open,
        because the endpoint keeps failing.
        """

    def drain(self, state: str) -> None:
        """Report that the gateway is `serving`, `draining`, `drained` or `cordoned`."""
