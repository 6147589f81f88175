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

from gateway.hotpath.choice import load
from gateway.hotpath.config import WANTED

compiled = load(WANTED)
"""The compiled module in use, or None."""

if TYPE_CHECKING or compiled is None:
    from gateway.hotpath.ear import Ear, Hearing, Position
    from gateway.hotpath.lane import Inlet, Lane, Receipt, Ticket
    from gateway.hotpath.pipe import Pipe
    from gateway.hotpath.sink import Outgoing, Sink, Traffic, write_out
    from gateway.hotpath.tally import Durations, Tally, TokenBucket
else:
    from gateway.hotpath.compiled import (
        Durations,
        Ear,
        Hearing,
        Inlet,
        Lane,
        Outgoing,
        Pipe,
        Position,
        Receipt,
        Sink,
        Tally,
        Ticket,
        TokenBucket,
        Traffic,
        write_out,
    )

__all__ = [
    "Durations",
    "Ear",
    "Hearing",
    "Inlet",
    "Lane",
    "Outgoing",
    "Pipe",
    "Position",
    "Receipt",
    "Sink",
    "Tally",
    "Ticket",
    "TokenBucket",
    "Traffic",
    "compiled",
    "write_out",
]
