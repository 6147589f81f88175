"""Keep the sends of a session into a room in their order, although their look-ups run concurrently."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from roomcast.gateway.sign_in.session import ChatSession


@contextmanager
def send_turn(session: ChatSession, room: str) -> Iterator[asyncio.Future[None] | None]:
    """Make later sends of the session into the room wait; yield the end of the send before this one, if it waits."""
    turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    before = session.sending.get(room)
    session.sending[room] = turn
    session.revoke_tickets(room)  # a later plain text on the fast path would overtake this message
    try:
        yield before
    finally:
        turn.set_result(None)
        if session.sending.get(room) is turn:
            del session.sending[room]
            session.refused_at.pop(room, None)
