"""Acks that wait for a replica. Without a replica, the outcome of a send is unknown, and a resend is safe."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import redis

from roomcast.adapter.redis.backplane_factory import make_backplane
from roomcast.adapter.redis.connection import ConnectionLost
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.log_scripts import read_receipt
from roomcast.contract.lua import SCRIPTS
from roomcast.gateway.stores.room_log import LogStore
from tests.servers import redis_server, wait_until


async def test_an_ack_waits_for_the_replica(tmp_path: Path) -> None:
    homes = [tmp_path / name for name in ("master", "replica")]
    for home in homes:
        home.mkdir()
    with redis_server(homes[0]) as master, redis.Redis(port=master) as admin:
        backplane = make_backplane(f"redis://127.0.0.1:{master}", name="test", scripts=SCRIPTS, replicas=1)
        backplane.start()
        await backplane.wait_up()
        log = LogStore(backplane)
        try:
            with redis_server(homes[1], "--replicaof", "127.0.0.1", str(master)):
                wait_until(lambda: admin.info("replication")["connected_slaves"] == 1, "the replica follows")
                wait_until(lambda: admin.wait(1, 100) == 1, "the replica is up to date")
                kept = await log.append("room", "u", "kept", b'"n":1}')
                assert (kept.seq, kept.duplicate) == (1, False)
            with pytest.raises(RoomcastError) as caught:
                await log.append("room", "u", "alone", b'"n":1}')
            assert caught.value.code is Code.OUTCOME_UNKNOWN
            assert isinstance(await _send(log, "short"), ConnectionLost)
            waiting = [asyncio.ensure_future(log.append("room", "u", f"more{n}", b'"n":1}')) for n in range(3)]
            async with asyncio.timeout(
                0.8
            ):  # the sends wait a second for the replica; reads must not wait for the sends
                assert (await log.read_before("room", 0, 10)).seq >= 2
            for answer in await asyncio.gather(*waiting, return_exceptions=True):
                assert isinstance(answer, RoomcastError)
            with redis_server(homes[1], "--replicaof", "127.0.0.1", str(master)):
                wait_until(lambda: admin.wait(1, 100) == 1, "the new replica is up to date")
                again = await log.append("room", "u", "alone", b'"n":1}')
                assert (again.seq, again.duplicate) == (2, True)
                assert read_receipt(await _send(log, "short"))[::3] == (3, True)
        finally:
            await backplane.close()


async def _send(log: LogStore, message_id: str) -> Any:
    """Send a message on the fast path; return the reply of Redis, or the error."""
    reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    append = log.fast_append("room")
    assert append is not None
    assert append.send is not None
    rest = (b"0123456789abcdef", f"u:{message_id}".encode(), b'"n":1}')
    append.send(append.head + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in rest), reply.set_result)
    return await reply
