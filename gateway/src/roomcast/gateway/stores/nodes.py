"""Store in Redis which process holds a node number, and that the process is alive.

Two processes with the same number would get each other's node messages. So a process leases its number: it takes the
lease before the first session, renews the lease every 5 s, and gives the lease back after a drain.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, NamedTuple

from redis.exceptions import RedisClusterException, RedisError

from roomcast.contract import keys
from roomcast.contract.redis_client import Client, make_client, run_script
from roomcast.gateway.stores.redis_port import RedisPort, Scripts
from roomcast.wire.keyspace import Keyspace
from roomcast.wire.redis_url import parse

LEASE_MS: Final = 15_000
MAX_NODES: Final = 9_999
_NODES_SECONDS: Final = 86_400
_RETRY_SECONDS: Final = 0.5


class Holder(NamedTuple):
    """The process that holds a number, and the ms until its lease ends without a renewal."""

    incarnation: str
    process: str
    left_ms: int


class Hold(NamedTuple):
    """The result of taking or renewing a number. `is_new`: the caller did not hold the number before."""

    is_new: bool
    holder: Holder | None
    """The other process that holds the number; None if the caller holds it."""


class NodeStore:
    """The node number of this gateway. Every method raises RoomcastError when Redis fails, and is safe to repeat.

    `incarnation` identifies one run of the process, and `process` describes the process to operators.
    """

    def __init__(self, scripts: Scripts, node: str, incarnation: str, process: str, lease_ms: int = LEASE_MS) -> None:
        self._redis = RedisPort(scripts)
        self._node = node
        self._incarnation = incarnation
        self._process = process
        self._lease_ms = lease_ms
        self._state = ""

    async def hold(self, replaces: str = "") -> Hold:
        """Take or renew the number. `replaces` is the incarnation of a dead process that may still hold the number."""
        args = (self._incarnation, self._process, self._lease_ms, replaces)
        return _read_hold(await self._redis.script("node_hold", _keys(self._node), args))

    async def announce(self) -> Hold:
        """Renew the number, and tell the sweeper that this incarnation lives. Call it every 5 s."""
        hold = await self.hold()
        if hold.holder is None:
            await self._tell_sweeper(is_alive=True)
            if self._state:
                await self.tell_state(self._state)
        return hold

    async def tell_state(self, state: str) -> None:
        """Write the state for operators: `cordoned`, `draining`, `drained`, or empty for a serving gateway."""
        self._state = state
        if state:
            await self._redis.call("SET", keys.node_state(self._node), state, "PX", self._lease_ms)
        else:
            await self._redis.call("DEL", keys.node_state(self._node))

    async def retire(self) -> None:
        """Give back the number after a drain, so that the sweeper removes this incarnation's connections at once."""
        await self._redis.script("lease_release", (keys.node_lease(self._node),), (self._incarnation,))
        if self._state:
            await self.tell_state("")
        await self._tell_sweeper(is_alive=False)

    async def _tell_sweeper(self, *, is_alive: bool) -> None:
        args = (f"{self._node}:{self._incarnation}", str(int(is_alive)), _NODES_SECONDS)
        await self._redis.script("presence_announce", (keys.PRESENCE_NODES,), args)


async def take_free_number(url: str, incarnation: str, process: str, *, within_seconds: float = 30.0) -> str:
    """Take the lowest free number for `process`, and return it.

    The caller must renew the lease within LEASE_MS, or take the number over within that time under another incarnation.
    Raises OSError if Redis does not answer within `within_seconds`, or no number is free.
    """
    target = parse(url)
    client = make_client(target, protocol=2, socket_timeout=1.0, socket_connect_timeout=1.0)
    try:
        async with asyncio.timeout(within_seconds):
            return await _take_free_number(client, target.keyspace, incarnation, process)
    except TimeoutError:
        raise OSError("Redis does not answer: no node number could be claimed") from None
    finally:
        await client.aclose()


async def _take_free_number(client: Client, keyspace: Keyspace, incarnation: str, process: str) -> str:
    number = 1
    while number <= MAX_NODES:
        names = keyspace.names(_keys(str(number)))
        try:
            reply = await run_script(client, "node_hold", names, (incarnation, process, LEASE_MS, ""))
        except (RedisError, RedisClusterException, OSError):
            await asyncio.sleep(_RETRY_SECONDS)
            continue
        if _read_hold(reply).holder is None:
            return str(number)
        number += 1
    raise OSError(f"all node numbers up to {MAX_NODES} are taken")


def _keys(node: str) -> tuple[str, ...]:
    return keys.node_lease(node), keys.node_process(node)


def _read_hold(reply: list[Any]) -> Hold:
    state, *rest = reply
    if state:
        return Hold(state == 2, None)
    incarnation, process, left_ms = rest
    return Hold(is_new=False, holder=Holder(incarnation.decode(), process.decode(), left_ms))
