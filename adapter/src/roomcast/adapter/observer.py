"""The interface through which the adapter reports events for metrics. An observer only counts them."""

from __future__ import annotations


class AdapterObserver:
    """Ignores all events. Override a method to count its event."""

    def gap(self, room: str, missing: int) -> None:
        """Count a gap: `missing` packets of a room did not come through pub/sub."""

    def filled(self, room: str, count: int) -> None:
        """Count `count` missing packets that were delivered from the log."""

    def resync(self, room: str) -> None:
        """Count a loss that the log could not repair. The room's members got a `resync` event."""

    def forged(self) -> None:
        """Count a message that was dropped because it has no valid seal of the cluster key."""

    def deaf(self) -> None:
        """Count a connection that does not receive the node's own canary although commands work."""
