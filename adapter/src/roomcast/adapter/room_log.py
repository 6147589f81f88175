"""The port to the room logs, from which the adapter fills gaps. The adapter also works without logs."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Page(NamedTuple):
    """A contiguous part of a room's log.

    `epoch`, `seq`: the end of the whole log; an empty epoch means that the room has no log any more. `first`: the
    lowest `seq` in the log. `packets`: one finished Socket.IO packet for each `seq`, starting with `after + 1`.
    """

    epoch: bytes
    seq: int
    first: int
    packets: list[bytes]


class RoomLog(Protocol):
    """Reads the messages that pub/sub lost. Raises RedisConnectionError or TimeoutError when Redis does not answer."""

    namespace: str

    async def page(self, room: str, after: int) -> Page:
        """Return the entries after `after`, oldest first. The page may end before the log does."""
        ...

    async def positions(self, rooms: list[str]) -> dict[str, tuple[bytes, int]]:
        """Return `{room: (epoch, seq)}` for the rooms that have a log."""
        ...

    def resync_packet(self, room: str) -> bytes:
        """Return the `resync` packet for the members of a room with a gap that could not be filled."""
        ...
