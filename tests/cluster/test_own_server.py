"""An application's own Socket.IO server in the cluster: the adapter with the Redis URL that `make env` prints."""

from __future__ import annotations

import socketio

from deploy.cluster import Cluster
from deploy.control import Control, environment
from roomcast.adapter import RedisAdapter
from tests.cluster.room_clients import LOBBY, Party


async def test_an_event_of_an_own_server_reaches_a_room_of_the_gateways(cluster: Cluster, party: Party) -> None:
    ada = await party.person("ada")
    await ada.join(LOBBY)
    settings = environment(Control(cluster.state))
    key = settings["ROOMCAST_CLUSTER_KEY"]
    adapter = RedisAdapter(settings["ROOMCAST_ADAPTER_REDIS_URL"], cluster_keys=(key,))
    sio = socketio.AsyncServer(async_mode="asgi", client_manager=adapter)
    socketio.ASGIApp(sio)
    try:
        await adapter.wait_ready()
        await sio.emit("deploy", {"name": "search"}, room=LOBBY)
        await ada.expect("deploy", name="search")
    finally:
        await adapter.close()
