"""The port to a log of rooms, from which the adapter fills gaps. The adapter also works without a log."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Page(NamedTuple):
    """A contiguous piece of a room's log.

    `seq`, `epoch`: the room's position (an empty epoch: the room has no log any more); `first`: the lowest seq kept;
    `packets`: one finished Socket.IO packet per seq, from `after + 1` on.
    """

    epoch: bytes
    seq: int
    first: int
    packets: list[bytes]


class RoomLog(Protocol):
    """Reads the messages that pub/sub lost. Raises RedisConnectionError or TimeoutError when Redis does not answer."""

    namespace: str

    async def page(self, room: str, after: int) -> Page:
        """Return the entries above `after`, oldest first; possibly not all of them."""
        ...

    async def positions(self, rooms: list[str]) -> dict[str, tuple[bytes, int]]:
        """Return `{room: (epoch, seq)}` for the rooms that have a log."""
        ...

    def resync_packet(self, room: str) -> bytes:
        """Return the packet that tells members that the gateway could not fill a gap."""
        ...
