"""The commands that the session core (`core.py`) returns, and that `runtime.py` carries out.

The core does no I/O. One event may yield several commands; they are carried out in order.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from roomcast.engineio.frames import Frames
from roomcast.engineio.oversized import Data


class PollAnswer(Enum):
    """The answer to the GET that waits."""

    QUEUE = auto()
    """The queued packets, or a noop packet if there are none."""
    NOOP = auto()
    """A noop packet; the queue stays as it is."""
    CLOSE = auto()
    """The queued packets, then a close packet."""


class Deliver(NamedTuple):
    """Hand a message to the application: text without its type character, bytes, or the head of an oversized one."""

    data: Data


class AnswerPoll(NamedTuple):
    """Answer the waiting GET. The core gives this command only while one waits."""

    answer: PollAnswer


class RejectRequest(NamedTuple):
    """Refuse the GET or POST that the core was just told of, with HTTP 400."""


class SendPing(NamedTuple):
    """Queue an Engine.IO ping on the WebSocket."""


class SendToProbe(NamedTuple):
    """Write a text frame to the WebSocket that probes for an upgrade."""

    text: bytes


class DropProbe(NamedTuple):
    """Close the WebSocket that probes: the upgrade has failed, and the session stays on polling."""


class Switch(NamedTuple):
    """Make the WebSocket that probed the transport, and queue these packets on it."""

    queue: tuple[Frames, ...]


class CloseConnection(NamedTuple):
    """Write what is queued, then `packet` (an Engine.IO packet or `b""`), then close the WebSocket with `code`."""

    code: int
    packet: bytes


class AbortConnection(NamedTuple):
    """Cut the WebSocket at once; what is queued is lost."""


class KeepPayload(NamedTuple):
    """Keep this payload for the client's next GET: the session has ended while no GET waited."""

    payload: bytes


class Ended(NamedTuple):
    """Forget the session and tell the application. This is the last command of a session, and comes once."""

    reason: str


Command = (
    Deliver
    | AnswerPoll
    | RejectRequest
    | SendPing
    | SendToProbe
    | DropProbe
    | Switch
    | CloseConnection
    | AbortConnection
    | KeepPayload
    | Ended
)
