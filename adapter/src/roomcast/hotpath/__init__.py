"""What happens with every message and every delivery, written twice: in Python, and compiled.

    sink    frames that wait for the flush, and the flush          pipe    commands to Redis and what it answers
    ear     from a room's channel to the sinks of its members      lane    from a client's frame to the log, and back
    tally   counting and limiting

The modules say it in Python; `compiled.pyx` says the same in Cython, for a third of the cost, and is used where it was
built (`make compile`; the set-up does it where there is a C compiler). Everything else of the gateway derives from
these classes and does not know which it got. `tests/unit/hotpath` holds both to one contract. They take the plain
case of everything and nothing else: what is odd goes the ordinary way, which is written once, in Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from roomcast.hotpath.choice import load
from roomcast.hotpath.config import WANTED

compiled = load(WANTED)
"""The compiled module in use, or None."""

if TYPE_CHECKING or compiled is None:
    from roomcast.hotpath.ear import Position, Subscriber, Subscription
    from roomcast.hotpath.lane import FastPath, FrameReceiver, PendingAck, SendTicket
    from roomcast.hotpath.pipe import CommandPipeline
    from roomcast.hotpath.sink import FlushQueue, Traffic, WriteBuffer, write_out
    from roomcast.hotpath.tally import Histogram, OutcomeCounter, TokenBucket
else:
    from roomcast.hotpath.compiled import (
        CommandPipeline,
        FastPath,
        FlushQueue,
        FrameReceiver,
        Histogram,
        OutcomeCounter,
        PendingAck,
        Position,
        SendTicket,
        Subscriber,
        Subscription,
        TokenBucket,
        Traffic,
        WriteBuffer,
        write_out,
    )

__all__ = [
    "CommandPipeline",
    "FastPath",
    "FlushQueue",
    "FrameReceiver",
    "Histogram",
    "OutcomeCounter",
    "PendingAck",
    "Position",
    "SendTicket",
    "Subscriber",
    "Subscription",
    "TokenBucket",
    "Traffic",
    "WriteBuffer",
    "compiled",
    "write_out",
]
