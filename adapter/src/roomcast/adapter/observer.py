"""What the adapter announces. Observers count; they never change what happens."""

from __future__ import annotations


class AdapterObserver:
    """Ignores everything; override what you count."""

    def hole(self, room: str, missing: int) -> None:
        """`missing` packets of a room did not come through pub/sub."""

    def filled(self, room: str, count: int) -> None:
        """`count` packets were delivered from the log instead."""

    def resync(self, room: str) -> None:
        """A room could not be made whole; its members were told."""

    def deaf(self) -> None:
        """The gateway does not hear its own canary though commands work."""
