"""The commands of the session core to its shell. One event may yield several commands; they are done in order."""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from roomcast.engineio.frames import Frames


class PollAnswer(Enum):
    """The answer to the GET that waits."""

    QUEUE = auto()
    """With the queued packets, or a noop if there are none."""
    NOOP = auto()
    """With a noop packet; the queue stays as it is."""
    CLOSE = auto()
    """With the queued packets, then a close packet."""


class Deliver(NamedTuple):
    """Hand a message to the application: text without its type character, or bytes."""

    data: str | bytes


class AnswerPoll(NamedTuple):
    """Complete the GET that waits; there is one."""

    answer: PollAnswer


class RefusePoll(NamedTuple):
    """Refuse the request that was just made, with HTTP 400."""


class SendPing(NamedTuple):
    """Queue an Engine.IO ping on the WebSocket."""


class SendToProbe(NamedTuple):
    """Write a text frame to the WebSocket that is still a probe."""

    text: bytes


class DropProbe(NamedTuple):
    """Close the WebSocket that did not become the transport; the session stays on polling."""


class Switch(NamedTuple):
    """Make the probe the transport, and queue these packets on it."""

    queue: tuple[Frames, ...]


class CloseConnection(NamedTuple):
    """Close the WebSocket with this code, after what is queued and `packet` (an Engine.IO packet, maybe empty)."""

    code: int
    packet: bytes


class AbortConnection(NamedTuple):
    """Cut the WebSocket at once; what is queued is lost."""


class KeepPayload(NamedTuple):
    """Keep this payload for the next GET: the session is over, but its polling client is between two GETs."""

    payload: bytes


class Ended(NamedTuple):
    """Forget the session and tell the application. The last command of a session, and given once."""

    reason: str


Command = (
    Deliver
    | AnswerPoll
    | RefusePoll
    | SendPing
    | SendToProbe
    | DropProbe
    | Switch
    | CloseConnection
    | AbortConnection
    | KeepPayload
    | Ended
)
