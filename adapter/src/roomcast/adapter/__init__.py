"""The shared Redis adapter: a client manager for any python-socketio server.

    from roomcast.adapter import RedisAdapter
    sio = socketio.AsyncServer(async_mode="asgi", client_manager=RedisAdapter("redis://localhost"))

How a packet travels:

    emit -> emission (targets), codec (one finished packet) -> the room's channel -> fanout of each node with a member
         -> order (duplicates and gaps; gap_filler reads the log) -> local_delivery (frames once, writes to each member)

| module | what it does |
|---|---|
| `manager`, `local_manager`, `local_members` | the methods that python-socketio calls; the tables of this node |
| `emission`, `codec`, `room_names`, `callbacks` | from an event to its targets, and acks back |
| `fanout`, `room_subscription`, `order`, `gap_filler`, `local_delivery` | from a room to its members here |
| `plain_deliveries` | the fast path of `fanout`: the next plain message of a room |
| `unsealed_messages` | messages of a process without the cluster key, which are read from the log |
| `node_messenger`, `node_messages` | node to node |
| `redis`: `backplane`, `cluster_backplane`, `topology` | one server, the master behind Sentinels, a cluster |
| `redis`: `server_connections`, `connection`, `command_pipeline`, `replica_acks` | the connections to one server |
| `redis`: `channel_handlers`, `canary` | channels that do not belong to a room; the canary probes, one a second |
| `room_log`, `observer` | ports: the log from which gaps are filled; counting |

The adapter does not know the chat. Without a `RoomLog` it is a plain, ordered, at-most-once fan-out.
"""

from roomcast.adapter.manager import DuplicateNodeError, RedisAdapter
from roomcast.adapter.observer import AdapterObserver
from roomcast.adapter.redis.connection import RedisConnectionError

__all__ = ["AdapterObserver", "DuplicateNodeError", "RedisAdapter", "RedisConnectionError"]
