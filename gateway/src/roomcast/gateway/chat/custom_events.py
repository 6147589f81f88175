"""Forward an application's own events to the members of a room, without storing them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from roomcast.contract.app_data import check_data
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.rooms import RoomEmit
from roomcast.contract.events.server_events import CUSTOM
from roomcast.gateway.chat.ports import AckFields, EventSender, Visibility
from roomcast.gateway.chat.voice import Voice, is_silenced
from roomcast.gateway.sign_in.event_limit import retry_after
from roomcast.gateway.sign_in.session import ChatSession


class CustomEvents:
    """The use case behind `room:emit`. `clock` returns monotonic seconds."""

    def __init__(
        self, sender: EventSender, voice: Voice, visibility: Visibility, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sender = sender
        self._voice = voice
        self._visibility = visibility
        self._clock = clock

    async def emit_to_room(self, session: ChatSession, p: RoomEmit) -> AckFields:
        """Answer `room:emit`; `sent` is False if the gateway dropped the event.

        As with `typing`, the gateway drops the events of a muted user, and the events in a direct room in which one
        person blocks the other. It also drops the events of an invisible user, except events with `as_invisible`.
        """
        if p.room not in session.rooms:
            raise RoomcastError(Code.FORBIDDEN, "join the room first")
        check_data(p.data)
        self._take_turn(session)
        if not await self._may_be_noticed(session, p):
            return {"sent": False}
        event: dict[str, Any] = {"room": p.room, "event": p.event, "user": session.user, "data": p.data}
        await self._sender.to_room(p.room, CUSTOM, event, skip=session.sid)
        return {"sent": True}

    def _take_turn(self, session: ChatSession) -> None:
        """Count the event; raise RATE_LIMITED if the user's sessions on this gateway send custom events too fast."""
        bucket = session.custom_events
        if not bucket.take(self._clock()):
            raise RoomcastError(Code.RATE_LIMITED, "too many custom events", retry_after=retry_after(bucket))

    async def _may_be_noticed(self, session: ChatSession, p: RoomEmit) -> bool:
        if not p.as_invisible and not await self._visibility.is_visible(session):
            return False
        return not await is_silenced(self._voice, session, p.room)
