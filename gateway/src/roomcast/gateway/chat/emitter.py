"""How the chat speaks to rooms, people and sessions, wherever they are."""

from __future__ import annotations

from typing import Any, Final

from roomcast.adapter import codec
from roomcast.adapter.manager import RedisAdapter
from roomcast.adapter.redis_connection import RedisConnectionError
from roomcast.contract import keys
from roomcast.contract.envelope import UserEvent, UserMessage
from roomcast.contract.errors import Code, RoomcastError
from roomcast.wire.envelope import Reader, check_event, pack

NAMESPACE: Final = "/"


class Emitter:
    """Events to rooms (every gateway), to a person's devices (every gateway), to one session here."""

    def __init__(self, adapter: RedisAdapter) -> None:
        self._adapter = adapter
        self._devices: dict[str, set[str]] = {}
        self._reader = Reader(UserMessage)

    async def to_room(self, room: str, event: str, data: dict[str, Any], skip: str | None = None) -> None:
        """Emit an event; raise RoomcastError(UNAVAILABLE) when Redis is away."""
        try:
            await self._adapter.emit(event, data, NAMESPACE, room=room, skip_sid=skip)
        except RedisConnectionError as error:
            raise RoomcastError(Code.UNAVAILABLE) from error

    async def to_user(self, user: str, event: str, data: dict[str, Any]) -> None:
        """To all devices of a person; nothing happens when there are none."""
        message = pack(UserEvent(NAMESPACE, self._packet(event, data)))
        try:
            await self._adapter.backplane.publish(keys.user_channel(user), message)
        except RedisConnectionError as error:
            raise RoomcastError(Code.UNAVAILABLE) from error

    def to_sessions(self, sids: list[str], event: str, data: dict[str, Any]) -> None:
        """To sessions of this gateway; unknown ones are ignored. Never waits."""
        self._adapter.deliver_to_sessions(NAMESPACE, sids, self._packet(event, data))

    def to_local_room(self, room: str, event: str, data: dict[str, Any]) -> None:
        """To the members of a room on this gateway only."""
        self._adapter.deliver_to_room(NAMESPACE, room, self._packet(event, data))

    def _packet(self, event: str, data: dict[str, Any]) -> bytes:
        packet, _ = codec.encode_event(self._adapter.server, NAMESPACE, event, data)
        return packet

    # --- roomcast.gateway.chat.replay.ReplayRoute ---

    def unpin(self, room: str) -> None:
        """Let the room's channel go, unless others need it."""
        self._adapter.fanout.release(room)

    def admit(self, sid: str, room: str, epoch: str, seq: int) -> bool:
        """Make the session a member that holds the log up to `seq`; False when live messages are ahead of that."""
        return self._adapter.fanout.admit(NAMESPACE, sid, room, epoch.encode(), seq)

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

    # --- a person's devices here ---

    def add_device(self, user: str, sid: str) -> None:
        devices = self._devices.get(user)
        if devices is None:
            devices = self._devices[user] = set()
            self._adapter.subscribe(keys.user_channel(user), lambda data: self._hear(user, data))
        devices.add(sid)

    def remove_device(self, user: str, sid: str) -> None:
        devices = self._devices.get(user, set())
        devices.discard(sid)
        if not devices and self._devices.pop(user, None) is not None:
            self._adapter.unsubscribe(keys.user_channel(user))

    def devices(self, user: str) -> frozenset[str]:
        """Return the sessions of a user on this gateway."""
        return frozenset(self._devices.get(user, ()))

    def _hear(self, user: str, data: bytes) -> None:
        message = self._reader.unpack(data)
        check_event(message.packet)
        self._adapter.deliver_to_sessions(message.namespace, list(self._devices.get(user, ())), message.packet)
