"""The shared Redis adapter: a client manager for any python-socketio server.

    from roomcast.adapter import RedisAdapter
    sio = socketio.AsyncServer(async_mode="asgi", client_manager=RedisAdapter("redis://localhost"))

How a packet travels:

    emit -> emission (targets), codec (one finished packet) -> the room's channel -> fanout of each node with a member
         -> order (duplicates and gaps; gap_filler reads the log) -> delivery (frames once, writes to each member)

| module | what it does |
|---|---|
| `manager`, `local_manager`, `local_members` | what python-socketio asks of a client manager; the tables of this node |
| `emission`, `codec`, `room_names`, `callbacks` | from an event to its targets, and acks back |
| `fanout`, `room_subscription`, `subscription`, `order`, `gap_filler`, `delivery` | from a room to its members here |
| `node_messenger`, `node_messages` | node to node |
| `redis`: `backplanes`, `topology` | one server, the master behind Sentinels, a cluster |
| `redis`: `server`, `connection`, `command_pipeline`, `replicas` | the connections to one server |
| `redis`: `channel_handlers`, `canary` | channels that are no room's; the canary probes, one a second |
| `room_log`, `observer` | ports: the log from which gaps are filled; counting |

The adapter does not know the chat. Without a `RoomLog` it is a plain, ordered, at-most-once fan-out.
"""

from roomcast.adapter.manager import DuplicateNodeError, RedisAdapter
from roomcast.adapter.observer import AdapterObserver
from roomcast.adapter.redis.connection import RedisConnectionError

__all__ = ["AdapterObserver", "DuplicateNodeError", "RedisAdapter", "RedisConnectionError"]
