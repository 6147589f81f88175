"""The subscription of one room on one node, and the position of the last message that was delivered there."""

from __future__ import annotations

import asyncio

from roomcast.adapter.order import OrderTracker
from roomcast.adapter.plain_deliveries import Subscription
from roomcast.wire import channels


class RoomSubscription(Subscription):
    """One subscribed room of this node.

    `subscribed` is done once Redis confirms. `holds` counts the fan-out's `acquire` calls without a release.
    """

    __slots__ = ("channel", "holds", "linger", "must_reread", "name", "room", "subscribed")

    watch: OrderTracker

    def __init__(self, room: str, received_as: bytes, subscribed: asyncio.Future[None]) -> None:
        super().__init__(OrderTracker())
        self.room = room
        self.name = channels.room_channel(room)
        self.channel = received_as
        self.subscribed = subscribed
        self.holds = 0
        self.must_reread = False
        """True if the log must be read again after the gap is filled: packets may have been missed meanwhile."""
        self.linger: asyncio.TimerHandle | None = None
