"""All kinds of servers that the benchmark knows, by name."""

from __future__ import annotations

from loadtest.peers.interface import Peer
from loadtest.peers.nchan import Nchan
from loadtest.peers.node import Node
from loadtest.peers.python_socketio import Stock
from loadtest.peers.roomcast import Roomcast
from loadtest.rivals.bun import Bun
from loadtest.rivals.centrifugo import Centrifugo
from loadtest.rivals.socketioxide import Socketioxide


def all_peers() -> dict[str, Peer]:
    """Return all kinds by name, in the order of the report's tables."""
    peers: tuple[Peer, ...] = (
        Stock("asyncio"),
        Stock("uvloop"),
        Node("plain"),
        Node("sharded"),
        Bun(),
        Socketioxide(),
        Centrifugo(),
        Nchan(),
        Roomcast(),
    )
    return {peer.name: peer for peer in peers}


DEFAULT_PEERS = ("stock", "node", "node-sharded", "bun", "socketioxide", "centrifugo", "nchan", "roomcast")
"""The default servers: all but python-socketio on asyncio's own loop, which is never faster than on uvloop."""
