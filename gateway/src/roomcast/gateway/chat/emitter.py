"""Send the chat's events to rooms and users on all gateways, and to sessions of this gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from roomcast.adapter import codec
from roomcast.adapter.manager import RedisAdapter
from roomcast.adapter.redis.connection import RedisConnectionError
from roomcast.contract import keys
from roomcast.contract.envelope import ListChanged, UserEvent, UserMessage
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.server_events import DRAIN, READY, ROOM, is_back_end_event
from roomcast.wire.envelope import Reader, check_event, pack

NAMESPACE: Final = "/"
_OWN_EVENTS: Final = (READY, DRAIN)
_REMOVALS: Final = ("removed", "closed")


class Emitter:
    """Sends events to rooms and to users' devices on every gateway, and to sessions of this one."""

    def __init__(self, adapter: RedisAdapter) -> None:
        self._adapter = adapter
        self._devices: dict[str, set[str]] = {}
        self._reader = Reader(UserMessage)
        self.on_line_changed: Callable[[str, str], None] = _ignore_line
        """Callback for `(user, room)`: the room's line has changed in the inbox of a user connected here."""
        self.is_held = False
        """True while the gateway is isolated. Clients then get no events that come from other users."""

    async def to_room(self, room: str, event: str, data: dict[str, Any], skip: str | None = None) -> None:
        """Send to a room on every gateway. Raises RoomcastError(UNAVAILABLE) when Redis fails."""
        try:
            await self._adapter.emit(event, data, NAMESPACE, room=room, skip_sid=skip)
        except RedisConnectionError as error:
            raise RoomcastError(Code.UNAVAILABLE) from error

    async def to_user(self, user: str, event: str, data: dict[str, Any]) -> None:
        """Send to all devices of a user, if there are any. Raises UNAVAILABLE when Redis fails."""
        await self._publish(user, UserEvent(NAMESPACE, self._packet(event, data)))

    async def line_changed(self, user: str, room: str) -> None:
        """Tell the gateways of the user's devices to read a line of the user's inbox.

        Raise UNAVAILABLE when Redis fails.
        """
        await self._publish(user, ListChanged(room))

    async def _publish(self, user: str, message: UserMessage) -> None:
        try:
            await self._adapter.backplane.publish(keys.user_channel(user), pack(message))
        except RedisConnectionError as error:
            raise RoomcastError(Code.UNAVAILABLE) from error

    def to_sessions(self, sids: list[str], event: str, data: dict[str, Any]) -> None:
        """Send to sessions of this gateway; unknown session ids are ignored. Never waits."""
        if not self.is_held or _is_own_word(event, data):
            self._adapter.deliver_to_sessions(NAMESPACE, sids, self._packet(event, data))

    def to_local_room(self, room: str, event: str, data: dict[str, Any]) -> None:
        """Send to the members of a room on this gateway only."""
        if not self.is_held:
            self._adapter.deliver_to_room(NAMESPACE, room, self._packet(event, data))

    def _packet(self, event: str, data: dict[str, Any]) -> bytes:
        packet, _ = codec.encode_event(self._adapter.server, NAMESPACE, event, data)
        return packet

    # --- devices of users on this gateway ---

    def add_device(self, user: str, sid: str) -> None:
        """Deliver the user's events to this session, too; for the first device, subscribe to the user's channel."""
        devices = self._devices.get(user)
        if devices is None:
            devices = self._devices[user] = set()
            self._subscribe(user)
        devices.add(sid)

    def subscribed(self, user: str) -> asyncio.Future[None] | None:
        """Return a future that is done once Redis has confirmed the user's channel; None if no device is here."""
        return self._subscribe(user) if user in self._devices else None

    def _subscribe(self, user: str) -> asyncio.Future[None]:
        return self._adapter.subscribe(
            keys.user_channel(user), lambda data: self._receive(user, data), self._is_allowed
        )

    def remove_device(self, user: str, sid: str) -> None:
        """Stop delivering to this session; after the last device, unsubscribe from the user's channel."""
        devices = self._devices.get(user, set())
        devices.discard(sid)
        if not devices and self._devices.pop(user, None) is not None:
            self._adapter.unsubscribe(keys.user_channel(user))

    def _is_allowed(self, data: bytes) -> bool:
        """Return whether a back end without the cluster key may send this message, unsealed."""
        message = self._reader.unpack(data)
        return isinstance(message, ListChanged) or is_back_end_event(message.packet)

    def _receive(self, user: str, data: bytes) -> None:
        if self.is_held:
            return
        message = self._reader.unpack(data)
        if isinstance(message, ListChanged):
            self.on_line_changed(user, message.room)
            return
        check_event(message.packet)
        self._adapter.deliver_to_sessions(message.namespace, list(self._devices.get(user, ())), message.packet)


def _is_own_word(event: str, data: dict[str, Any]) -> bool:
    """Return whether an event is about the gateway or the session itself, not about other users."""
    return event in _OWN_EVENTS or (event == ROOM and data.get("change") in _REMOVALS)


def _ignore_line(user: str, room: str) -> None:
    """Ignore a changed line of an inbox."""
