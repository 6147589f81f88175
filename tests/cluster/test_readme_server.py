"""The README's Socket.IO server, as printed, beside a cluster: the server and the gateways share rooms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import socketio

from deploy.cluster import Cluster
from deploy.control import Control, environment
from deploy.layout import ROOT
from tests.cluster.room_clients import LOBBY, Party
from tests.readme_programs import filled, started
from tests.servers import free_port
from tests.waiting import until


async def test_the_server_of_the_readme_shares_a_room_with_the_gateways(
    cluster: Cluster, party: Party, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """The server has only the variables that `make env` prints: a setting that the README forgets fails this test."""
    ada = await party.person("ada")
    await ada.join(LOBBY)
    port = free_port()
    (tmp_path / "deploys.py").write_text(filled(ROOT / "README.md", "import RedisAdapter", {}))
    command = ("-m", "uvicorn", "deploys:app", "--port", str(port))
    with started(tmp_path, port, *command, variables=environment(Control(cluster.state))):
        received: list[Any] = []
        own = socketio.AsyncClient(reconnection=False)
        own.on("deploy", received.append)
        own.on("message", lambda message: received.append(message["text"]))
        await own.connect(f"http://127.0.0.1:{port}", transports=["websocket"])
        try:
            async with http.post(f"http://127.0.0.1:{port}/api/deploys/search") as answer:
                assert answer.status == 200
            await ada.expect("deploy", name="search")
            await until(lambda: received == [{"name": "search"}], "the server's own client has the event")
            await ada.send("seen")
            await until(lambda: received == [{"name": "search"}, "seen"], "the server's own client has Ada's message")
        finally:
            await own.disconnect()
