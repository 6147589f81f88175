"""The commands that the session core (`core.py`) returns, and that `runtime.py` carries out.

The core does no I/O. For one event it may return several commands. The runtime carries them out in order.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from roomcast.engineio.frames import Frames
from roomcast.engineio.oversized import Data


class PollAnswer(Enum):
    """The content of the answer to the waiting GET."""

    QUEUE = auto()
    """The queued packets, or a noop packet if there are none."""
    NOOP = auto()
    """A noop packet; the queue stays as it is."""
    CLOSE = auto()
    """The queued packets, then a close packet."""


class Deliver(NamedTuple):
    """Give the application a message: text without its type character, bytes, or the start of an oversized message."""

    data: Data


class AnswerPoll(NamedTuple):
    """Answer the waiting GET. The core returns this command only while a GET waits."""

    answer: PollAnswer


class RejectRequest(NamedTuple):
    """Refuse the GET or POST of this event with HTTP 400."""


class SendPing(NamedTuple):
    """Queue an Engine.IO ping on the WebSocket."""


class SendToProbe(NamedTuple):
    """Write a text frame to the WebSocket that probes for an upgrade."""

    text: bytes


class DropProbe(NamedTuple):
    """Close the probing WebSocket. The upgrade has failed, and the session stays on polling."""


class Switch(NamedTuple):
    """Use the probing WebSocket as the session's transport, and queue these packets on it."""

    queue: tuple[Frames, ...]


class CloseConnection(NamedTuple):
    """Write the queued packets, then `packet` (Engine.IO, or `b""` for none). Then close the WebSocket with `code`."""

    code: int
    packet: bytes


class AbortConnection(NamedTuple):
    """Abort the WebSocket at once. The queued packets are lost."""


class KeepPayload(NamedTuple):
    """Keep this payload for the client's next GET, because the session has ended while no GET waited."""

    payload: bytes


class Ended(NamedTuple):
    """Remove the session, and tell the application. This is the last command of every session."""

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
