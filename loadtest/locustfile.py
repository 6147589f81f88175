"""Load tests of a Roomcast deployment with locust: `locust -f loadtest/locustfile.py --host https://chat.example.com`.

User classes are the scenarios. Name one or more on the command line; the default is `Mixed`. docs/load-testing.md has
the commands, and explains each figure. Rows of the report:

* `delivery message`  from the send time in a text to its arrival at another member or at the sender
* `ack <event>`       from an event to its ack
* `connect websocket`, `recovery after a move or drop`, `drop connection`, `storage POST`
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # locust may be started from any folder

from loadtest.scenarios.chat import Chat, HistoryAndRecovery, IdleConnections, LargeRoom, PresenceAndTyping
from loadtest.scenarios.disturbances import ReconnectStorm, SlowClients
from loadtest.scenarios.lifecycle import install
from loadtest.scenarios.media import Media
from loadtest.scenarios.mixed import Mixed

__all__ = [
    "Chat",
    "HistoryAndRecovery",
    "IdleConnections",
    "LargeRoom",
    "Media",
    "Mixed",
    "PresenceAndTyping",
    "ReconnectStorm",
    "SlowClients",
]

install()
