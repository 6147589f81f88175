"""What the session core tells its shell to do. One event may yield several commands; they are done in order."""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple


class PollAnswer(Enum):
    """How to answer the GET that is waiting."""

    OUTBOX = auto()
    """With what is queued (a noop when nothing is)."""
    NOOP = auto()
    """With a noop packet: the queue goes elsewhere, or nowhere."""
    CLOSE = auto()
    """With what is queued, then a close packet."""


class Deliver(NamedTuple):
    """Hand a message to the application: text without its type character, or bytes."""

    data: str | bytes


class AnswerPoll(NamedTuple):
    """Complete the GET that is waiting; there is one."""

    answer: PollAnswer


class RefusePoll(NamedTuple):
    """Refuse the request that was just made, with 400."""


class SendToProbe(NamedTuple):
    """Write a text frame to the WebSocket that is still a probe."""

    text: bytes


class DropProbe(NamedTuple):
    """Close the WebSocket that did not become an upgrade; the session stays on polling."""


class Switch(NamedTuple):
    """The probe is the transport now: let it write the outbox."""


class CloseLink(NamedTuple):
    """Close the WebSocket with this code, after what is queued and `farewell` (an Engine.IO packet, maybe empty)."""

    code: int
    farewell: bytes


class AbortLink(NamedTuple):
    """Cut the WebSocket at once; what is queued is lost."""


class LeaveFarewell(NamedTuple):
    """The session is over, but its polling client is between two GETs: answer the next one with this payload."""

    payload: bytes


class Ended(NamedTuple):
    """The session is over: forget it and tell the application. The last command of a session, and given once."""

    reason: str


Command = (
    Deliver | AnswerPoll | RefusePoll | SendToProbe | DropProbe | Switch | CloseLink | AbortLink | LeaveFarewell | Ended
)
