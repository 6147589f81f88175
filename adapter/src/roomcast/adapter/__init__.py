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
| `fanout`, `subscription`, `order`, `gap_filler`, `delivery` | from a room's channel to its local members |
| `node_messenger`, `node_messages`, `channel_handlers` | node to node, and other channels |
| `canary`, `ticker` | the proof that subscriptions receive, once a second |
| `backplanes`, `backplane`, `cluster_backplane`, `topology` | one server, the master behind Sentinels, a cluster |
| `redis_server`, `redis_connection`, `command_pipeline`, `replicas` | the connections to one server |
| `room_log`, `observer` | ports: the log that makes rooms whole; counting |

The adapter does not know the chat. Without a `RoomLog` it is a plain, ordered, at-most-once fan-out.
"""

from roomcast.adapter.manager import DuplicateNodeError, RedisAdapter
from roomcast.adapter.observer import AdapterObserver
from roomcast.adapter.redis_connection import RedisConnectionError

__all__ = ["AdapterObserver", "DuplicateNodeError", "RedisAdapter", "RedisConnectionError"]
