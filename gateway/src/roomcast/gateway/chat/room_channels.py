"""The adapter's side of joins and replays: room subscriptions, local members, packets to one member."""

from __future__ import annotations

import asyncio

from roomcast.adapter.manager import RedisAdapter
from roomcast.gateway.chat.emitter import NAMESPACE


class RoomChannels:
    """Implements `JoinRoute` of `room_joins.py` and `ReplayRoute` of `replay.py` over the adapter."""

    def __init__(self, adapter: RedisAdapter) -> None:
        self._adapter = adapter

    def acquire(self, room: str) -> asyncio.Future[None]:
        """Subscribe to a room at least until `release`; the future is done once Redis has confirmed."""
        return self._adapter.fanout.acquire(room).subscribed

    def release(self, room: str) -> None:
        """Give back one `acquire`. The subscription ends a while after the last, unless the room has local members."""
        self._adapter.fanout.release(room)

    def admit(self, sid: str, room: str, epoch: str, seq: int) -> bool:
        """Add the session to the members at position `(epoch, seq)`; False if later messages were delivered already."""
        return self._adapter.fanout.admit(NAMESPACE, sid, room, epoch.encode(), seq)

    async def remove_member(self, sid: str, room: str) -> None:
        """Send the session nothing more of the room."""
        await self._adapter.leave_room(sid, NAMESPACE, room)

    def send_packet(self, sid: str, packet: bytes) -> None:
        """Send a finished packet to a session of this gateway."""
        self._adapter.deliver_to_sessions(NAMESPACE, (sid,), packet)

    def waiting_bytes(self, sid: str) -> int | None:
        """Return the bytes that wait for the session's client; None when the session has gone."""
        client = self._adapter.members.client(NAMESPACE, sid)
        if client is None or client.target is None:
            return None
        waiting: int = client.target.waiting
        return waiting
