"""The Redis accounts of a cluster's processes: Redis refuses commands and channels that an account does not need."""

from __future__ import annotations

import socket
from typing import Final

import pytest
import redis

from deploy.cluster import Cluster

pytestmark = pytest.mark.asyncio(loop_scope="module")

FORBIDDEN_COMMANDS: Final = (
    "CONFIG GET *",
    "CONFIG SET dir /tmp",
    "FLUSHALL",
    "FLUSHDB",
    "KEYS *",
    "SCAN 0",
    "ACL LIST",
    "LATENCY RESET",
    "SHUTDOWN NOSAVE",
    "MONITOR",
    "CLIENT KILL TYPE normal",
    "SCRIPT FLUSH",
    "FUNCTION LOAD x",
    "FUNCTION FLUSH",
    "REPLICAOF 127.0.0.1 1",
    "MODULE LIST",
    "SAVE",
    "SWAPDB 0 1",
    "RANDOMKEY",
    "GET strange:key",
    "PUBLISH strange 1",
)


@pytest.mark.parametrize("account", ["gateway", "presence", "media", "backend", "api"])
async def test_an_account_cannot_run_a_forbidden_command(attacked: Cluster, account: str) -> None:
    with redis.Redis.from_url(attacked.redis_url(account)) as client:
        for command in FORBIDDEN_COMMANDS:
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command.split(" "))


@pytest.mark.parametrize(
    ("account", "channel"),
    [
        ("backend", "node:{1}"),
        ("backend", "presence:{1}"),
        ("api", "node:{1}"),
        ("presence", "node:{1}"),
        ("presence", "control"),
        ("media", "room:{public:lobby}"),
        ("media", "control"),
    ],
)
async def test_an_account_cannot_publish_on_channels_of_other_processes(
    attacked: Cluster, account: str, channel: str
) -> None:
    with redis.Redis.from_url(attacked.redis_url(account)) as client:
        for command in ("SPUBLISH", "PUBLISH"):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(command, channel, "x")


async def test_redis_refuses_commands_without_a_valid_password(attacked: Cluster) -> None:
    with socket.create_connection(("127.0.0.1", attacked.ports.redis), 5) as connection:
        connection.sendall(b"PING\r\nAUTH default x\r\nGET room:x\r\n")
        answer = b""
        while answer.count(b"\r\n") < 3:
            answer += connection.recv(1_000)
    assert answer.startswith(b"-NOAUTH")
    assert answer.splitlines()[1].startswith(b"-WRONGPASS")
    assert answer.splitlines()[2].startswith(b"-NOAUTH")
