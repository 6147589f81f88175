"""An Engine.IO v4 server for aiohttp: WebSocket and long polling under python-socketio, for many idle clients and
large rooms.

**The core decides, the shell does.** `core.SessionCore` is one session as a state machine: events in (a packet came,
a GET opened, time passed), commands out (deliver this, answer that GET, close the link). It knows no socket, no loop
and no clock, and its tests read as scripts. `rfc6455.FrameParser`, `wheel.Wheel`, `origins`, `peers` and `payload`
are pure in the same way. Around them:

    endpoint    HTTP: handshakes, polls, posts, upgrades, refusals          takeover   the way out of aiohttp
    front       new WebSockets without aiohttp, from their first bytes      opening    what those may be (pure)
    polling     a GET that waits, a POST that brings                        timers     one timer for everything
    websocket   an asyncio protocol: bytes to messages, commands to frames  outlet     writes joined per tick
    runtime     carries out the commands, keeps the table of sessions       server     the face to the outside

**A packet on its way out** is framed once (`Frames`), however many receive it. `push_many` appends the same bytes
to each member's outbox; at the end of the loop's tick each socket gets one joined write, in slices of a few
milliseconds. Nothing ever waits for a client: its outbox is bounded in bytes, and one that reads too slowly is cut
("slow client").

**A packet on its way in** goes to the receiver synchronously, in the order of arrival; python-socketio's handlers
then run as tasks of their own, so that a pong never waits behind one.

**An idle connection** is a transport, a protocol, a session and a parser without buffers: no task, no queue, no
timer of its own. The wheel looks at it every 25 seconds to ping it.
"""

from roomcast.engineio.admission import Admission, Decide, Withdraw
from roomcast.engineio.commands import Command
from roomcast.engineio.frames import Frames
from roomcast.engineio.handshake import Caller
from roomcast.engineio.observer import NoObserver, Observer
from roomcast.engineio.refusals import Refusal
from roomcast.engineio.rules import Reason, Rules
from roomcast.engineio.server import EngineServer
from roomcast.engineio.session import Session

__all__ = [
    "Admission",
    "Caller",
    "Command",
    "Decide",
    "EngineServer",
    "Frames",
    "NoObserver",
    "Observer",
    "Reason",
    "Refusal",
    "Rules",
    "Session",
    "Withdraw",
]
