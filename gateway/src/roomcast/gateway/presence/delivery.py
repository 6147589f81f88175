"""Deliver presence changes to the rooms and connections that watch the users: at once, or conflated under load.

A pause follows each delivery, and grows with the number of packets sent. Changes within the pause are conflated. This
bounds the cost of presence to about 2,000 packets a second, or to one delivery a second if that is more.
"""

from __future__ import annotations

import asyncio
from typing import Final

from roomcast.contract.events.server_events import PRESENCE
from roomcast.gateway.background.slices import in_slices
from roomcast.gateway.presence.occupancy import OccupancyService
from roomcast.gateway.presence.ports import Sender
from roomcast.gateway.presence.watchers import Deliveries, Watchers

SHORTEST_PAUSE_SECONDS: Final = 0.05
LONGEST_PAUSE_SECONDS: Final = 1.0
_PACKET_SECONDS: Final = 0.0005
_ADDED: Final = 4_000
"""Changes added to lists before the event loop may do other work. Adding them takes 1 to 2 ms."""


def pause_after(packets: int) -> float:
    """Return the seconds to wait after a delivery of `packets`. Pure."""
    return min(LONGEST_PAUSE_SECONDS, max(SHORTEST_PAUSE_SECONDS, packets * _PACKET_SECONDS))


class StatusDelivery:
    """Sends the due changes of the watchers after each `wake`."""

    def __init__(self, watchers: Watchers, occupancy: OccupancyService, sender: Sender) -> None:
        self._watchers = watchers
        self._occupancy = occupancy
        self._sender = sender
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Deliver as soon as the pause allows it, if changes wait."""
        if self._watchers.is_pending:
            self._wake.set()

    async def run(self) -> None:
        """Deliver until cancelled. Sleeps while there are no changes."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(pause_after(await self._deliver()))

    async def _deliver(self) -> int:
        """Deliver to rooms and connections in slices, as there may be thousands; return the number of packets."""
        out = await self._take_due()
        packets = await self._occupancy.send_statuses(out.rooms)
        async for sid, changes in in_slices(out.connections.items()):
            if still := self._watchers.still_watched(sid, changes):  # a block may have ended the watch between slices
                self._sender.to_sessions([sid], PRESENCE, {"changes": still})
        return packets + len(out.connections)

    async def _take_due(self) -> Deliveries:
        """Collect the changes by room and connection; yield to the event loop after every few thousand."""
        out, added = Deliveries({}, {}), 0
        for user in self._watchers.due_users():
            added += self._watchers.take_change(user, out)
            if added >= _ADDED:
                added = 0
                await asyncio.sleep(0)
        return out
