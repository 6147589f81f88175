"""What the adapter asks of whoever keeps a log of rooms, to make pub/sub whole. The adapter works without one."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Page(NamedTuple):
    """A contiguous piece of a room's log.

    `seq`, `epoch`: the room's position; `first`: the lowest seq kept; `packets`: one finished Socket.IO packet per
    seq, from `after + 1` on.
    """

    epoch: bytes
    seq: int
    first: int
    packets: list[bytes]


class RoomLog(Protocol):
    """Reads what pub/sub lost. Raises LinkError (or TimeoutError) when Redis does not answer."""

    namespace: str

    async def page(self, room: str, after: int) -> Page:
        """The entries above `after`, oldest first; possibly not all of them."""
        ...

    async def positions(self, rooms: list[str]) -> dict[str, tuple[bytes, int]]:
        """`{room: (epoch, seq)}` for the rooms that have a log."""
        ...

    def resync_packet(self, room: str) -> bytes:
        """The packet that tells members that the gateway could not make the room whole."""
        ...
