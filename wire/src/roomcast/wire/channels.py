"""Name the pub/sub channels of the adapter.

| channel | published by | subscribed by |
|---|---|---|
| `room:{R}` | gateways, back ends, any process with the adapter | nodes with a member in the room |
| `namespace:{S}` | nodes | every node with a client in the namespace |
| `node:{N}` | other nodes, media signers | node N |

`{…}` is the cluster hash tag. `tag` escapes the names of rooms and namespaces, which callers choose freely.
"""

from __future__ import annotations

import re
from urllib.parse import quote

_PLAIN = re.compile(r"[A-Za-z0-9_.:@-]*")
_TAG_SAFE = "!#$&'()*+,/:;=?@[]|~^ "


def tag(name: str) -> str:
    """Return `name` made safe for a hash tag: braces, percent signs and control characters are percent-encoded."""
    return name if _PLAIN.fullmatch(name) else quote(name, safe=_TAG_SAFE)


def room_channel(room: str) -> str:
    """Return the channel of a room's packets."""
    return f"room:{{{tag(room)}}}"


def namespace_channel(namespace: str) -> str:
    """Return the channel of packets to a whole namespace."""
    return f"namespace:{{{tag(namespace)}}}"


def node_channel(node: str) -> str:
    """Return the channel of messages to one node."""
    return f"node:{{{node}}}"
