"""The shared Redis adapter: a python-socketio client manager that works on its own.

    from roomcast.adapter import RedisAdapter
    sio = socketio.AsyncServer(async_mode="asgi", client_manager=RedisAdapter("redis://localhost", node="1"))

How a packet travels:

    emit -> codec (one finished packet) -> channel of the room -> fanout on every gateway with a member
         -> watch of the room (order, holes, repeats) -> delivery (frames once, writes to each member)

`link` is one connection; `shard` keeps two of them open to one server; `topology` knows the servers; `backplane` is
all of Redis as the rest sees it. `members` and `order` are pure. Nothing here knows the chat: a log of rooms is handed
in as `log.RoomLog`, and without one the adapter is a plain, ordered, at-most-once fan-out.
"""

from roomcast.adapter.manager import DuplicateNodeError, RedisAdapter
from roomcast.adapter.observer import AdapterObserver

__all__ = ["AdapterObserver", "DuplicateNodeError", "RedisAdapter"]
