"""Give joins and replays access to the adapter: subscribe to rooms, add local members, send packets to a session."""

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
        """Undo one `acquire`. After the last `release`, the subscription of a room without local members ends later."""
        self._adapter.fanout.release(room)

    def admit(self, sid: str, room: str, epoch: str, seq: int) -> bool:
        """Add the session to the members at `(epoch, seq)`; return False if later messages were already delivered."""
        return self._adapter.fanout.admit(NAMESPACE, sid, room, epoch.encode(), seq)

    async def remove_member(self, sid: str, room: str) -> None:
        """Stop sending the room's packets to the session."""
        await self._adapter.leave_room(sid, NAMESPACE, room)

    def send_packet(self, sid: str, packet: bytes) -> None:
        """Send a finished packet to a session of this gateway."""
        self._adapter.deliver_to_sessions(NAMESPACE, (sid,), packet)

    def waiting_bytes(self, sid: str) -> int | None:
        """Return the bytes in the write buffer of the session's client; None if the session has ended."""
        client = self._adapter.members.client(NAMESPACE, sid)
        if client is None or client.target is None:
            return None
        waiting: int = client.target.waiting
        return waiting
