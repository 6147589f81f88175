"""The shared Redis adapter: a client manager for any python-socketio server.

    from roomcast.adapter import RedisAdapter
    sio = socketio.AsyncServer(async_mode="asgi", client_manager=RedisAdapter("redis://localhost"))

How a packet travels:

    emit -> emission (targets), codec (one finished packet) -> the room's channel -> fanout of each node with a member
         -> order (duplicates and gaps; gap_filler reads the log) -> local_delivery (frames once, writes to each member)

| module | what it does |
|---|---|
| `manager`, `local_manager`, `local_members` | the methods that python-socketio calls; the clients of this node |
| `emission`, `codec`, `room_names`, `callbacks` | send an event to its targets; return acks to the sender |
| `fanout`, `room_subscription`, `order`, `gap_filler`, `local_delivery` | deliver the packets of rooms on this node |
| `plain_deliveries` | the fast path of `fanout`: the next plain message of a room |
| `unsealed_messages` | messages of publishers without the cluster key: the node reads them from the room's log |
| `namespace_channels` | deliver the packets to a whole namespace on this node |
| `node_identity` | the node name of this process; refuse clients while an older process has it |
| `node_messenger`, `node_messages` | messages from one node to another |
| `redis`: `backplane`, `cluster_backplane`, `topology` | commands and channels of Redis |
| `redis`: `server_connections`, `subscriptions`, `replica_acks` | the connections to one server and what each is for |
| `redis`: `connection`, `command_pipeline` | one connection |
| `redis`: `channel_handlers`, `canary` | channels that do not belong to a room; the canary probes, one a second |
| `room_log`, `observer` | ports: the log from which gaps are filled; the counters |

The adapter contains no chat logic. Without a `RoomLog` it delivers packets in order and at most once, and repairs no
loss.
"""

from roomcast.adapter.manager import RedisAdapter
from roomcast.adapter.node_identity import DuplicateNodeError
from roomcast.adapter.observer import AdapterObserver
from roomcast.adapter.redis.connection import RedisConnectionError

__all__ = ["AdapterObserver", "DuplicateNodeError", "RedisAdapter", "RedisConnectionError"]
