"""Send an application's own events: to a user, to a room, or to all clients."""

from __future__ import annotations

from typing import Any

from roomcast.contract import keys
from roomcast.contract.app_data import check_data
from roomcast.contract.backend.redis_link import NAMESPACE, RedisLink, check_ids, event_packet
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.server_events import CUSTOM
from roomcast.contract.ids import is_event_name
from roomcast.wire.envelope import pack_event


class CustomEvents(RedisLink):
    """Sends the custom events of a back end to the clients that are connected now. No event is stored.

    Clients receive them as `custom` events without `user`. Gateways write `user` into the custom events of clients, so
    that no client can pretend to be a back end. A repeated call sends the event again.
    """

    async def emit_to_user(self, user: str, event: str, data: dict[str, Any] | None = None) -> None:
        """Send an event to all devices of a user."""
        check_ids(None, user)
        await self._tell_user(user, CUSTOM, _payload(event, data))

    async def emit_to_room(self, room: str, event: str, data: dict[str, Any] | None = None) -> None:
        """Send an event to all clients that have joined a room."""
        check_ids(room)
        payload = {"room": room, **_payload(event, data)}
        await self._publish_event(keys.room_channel(room), payload)

    async def emit_to_all(self, event: str, data: dict[str, Any] | None = None) -> None:
        """Send an event to all connected clients."""
        await self._publish_event(keys.namespace_channel(NAMESPACE), _payload(event, data))

    async def _publish_event(self, channel: str, payload: dict[str, Any]) -> None:
        await self._publish("SPUBLISH", channel, pack_event(NAMESPACE, event_packet(CUSTOM, payload)))


def _payload(event: str, data: dict[str, Any] | None) -> dict[str, Any]:
    if not is_event_name(event):
        raise RoomcastError(Code.BAD_REQUEST, "the name of an event has 1 to 64 characters of A-Z a-z 0-9 _ . : -")
    check_data(data or {})
    return {"event": event, "data": data or {}}
