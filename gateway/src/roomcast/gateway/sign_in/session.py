"""One signed-in connection, as the chat sees it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from roomcast.gateway.sign_in.event_limit import EventLimit
from roomcast.gateway.sign_in.tokens import Identity
from roomcast.hotpath import SendTicket


@dataclass(slots=True)
class ChatSession:
    """A Socket.IO session. `rooms` are those joined here; joining is what proves the right to be there.

    `joining` are those asked for: a room that vanishes from it meanwhile was left, or lost, before the join was done.
    """

    sid: str
    eio_sid: str
    identity: Identity
    limit: EventLimit
    rooms: set[str] = field(default_factory=set)
    joining: set[str] = field(default_factory=set)
    is_closed: bool = False
    status: str = "online"
    note: str = ""
    addressed: set[str] = field(default_factory=set)
    """Direct rooms whose other person was told of them by this session."""
    book: dict[bytes, SendTicket] | None = None
    """The rooms into which its plain messages go by the hot path; see `roomcast.gateway.chat.fast_path`."""
    sending: asyncio.Future[None] | None = None
    """Set while a send of this client waits for something before its place in the publish queue: later ones wait."""

    @property
    def user(self) -> str:
        return self.identity.user

    @property
    def is_visible(self) -> bool:
        return self.status != "invisible"
