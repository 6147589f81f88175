"""All kinds of servers that the benchmark knows, by name."""

from __future__ import annotations

from loadtest.peers.nchan import Nchan
from loadtest.peers.node import Node
from loadtest.peers.role import Peer
from loadtest.peers.roomcast import Roomcast
from loadtest.peers.stock import Stock


def all_peers() -> dict[str, Peer]:
    """In the order of the report's tables."""
    peers: tuple[Peer, ...] = (Stock("asyncio"), Stock("uvloop"), Node("plain"), Node("sharded"), Nchan(), Roomcast())
    return {peer.name: peer for peer in peers}


DEFAULT_PEERS = ("stock", "node", "node-sharded", "nchan", "roomcast")
"""Asyncio's own loop is left out by default: it is never the better of the two."""
