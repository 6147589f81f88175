"""The API on a Redis Cluster: keys in different slots, and a reply channel on one of the servers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from roomcast.contract import http_backend
from roomcast.contract.errors import Code, RoomcastError
from tests import apis
from tests.redis_cluster import redis_cluster


async def use(api: apis.Api) -> None:
    async with http_backend.connect(api.url, api.key) as backend:
        await backend.create_room("team:cluster", "ada", name="Cluster")
        await backend.grant("team:cluster", "bob")
        for number in range(3):
            await backend.publish("team:cluster", "ada", str(number), kind="text", id=f"m{number}")
        await backend.edit("team:cluster", "ada", 1, "edited")
        page = await backend.history("team:cluster", limit=10)
        assert [message["seq"] for message in page.messages] == [1, 2, 3, 4]
        assert (await backend.room("team:cluster")).members == 2
        assert len((await backend.members("team:cluster")).members) == 2
        assert (await backend.inbox("bob")).unread == 3
        assert (await backend.cluster()).gateways == []
        assert (await backend.presence(["ada"]))["ada"].status == "offline"
        with pytest.raises(RoomcastError) as caught:  # no signer runs
            await backend.sign_upload("ada", "team:cluster", "a.txt", type="text/plain", size=1)
        assert caught.value.code is Code.MEDIA_UNAVAILABLE


def test_every_kind_of_request_works_on_a_cluster(tmp_path: Path) -> None:
    with redis_cluster(tmp_path) as ports:
        url = f"redis+cluster://127.0.0.1:{ports[0]}"
        key = asyncio.run(apis.make_key(url))
        with apis.api(tmp_path, url, key) as api:
            asyncio.run(use(api))
