"""Send an operator's order to one gateway, and wait until the gateway's state in Redis shows the effect."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, Literal

from roomcast.cli.cluster import ClusterReader, Node
from roomcast.contract import keys
from roomcast.contract.config import cluster_keys
from roomcast.contract.envelope import NodeOrder
from roomcast.contract.errors import Code, RoomcastError
from roomcast.wire.envelope import pack
from roomcast.wire.seals import Seals

Order = Literal["cordon", "uncordon", "drain"]
DRAINED: Final = "drained"
OBEYED: Final[Mapping[Order, frozenset[str]]] = {
    "cordon": frozenset({"cordoned", "draining", DRAINED}),
    "uncordon": frozenset({""}),
    "drain": frozenset({"draining", DRAINED}),
}
"""The states that show that a gateway has obeyed an order."""

_ANSWER_SECONDS: Final = 8.0
_REPEAT_SECONDS: Final = 1.0
_POLL_SECONDS: Final = 0.1


async def give(reader: ClusterReader, node: str, order: Order, within_seconds: float) -> Node:
    """Order a gateway to take no new sessions, to take new sessions again, or to drain. Return its new state.

    Raise NOT_FOUND if no live gateway has this number. Raise UNAVAILABLE if the gateway does not obey within 8 s, or
    does not finish a drain within `within_seconds`.
    """
    await _living(reader, node)
    await _until_obeyed(reader, node, order)
    if order == "drain":
        await _until_state(reader, node, frozenset({DRAINED}), within_seconds)
    return await _living(reader, node)


async def _until_obeyed(reader: ClusterReader, node: str, order: Order) -> None:
    """Repeat the order until the gateway obeys. A message is lost while the gateway reopens its subscription."""
    for _ in range(int(_ANSWER_SECONDS / _REPEAT_SECONDS)):
        await _publish(reader, node, order)
        try:
            await _until_state(reader, node, OBEYED[order], _REPEAT_SECONDS)
        except RoomcastError:
            continue
        return
    raise RoomcastError(
        Code.UNAVAILABLE,
        f"gateway {node} did not obey within {_ANSWER_SECONDS:.0f} s: is ROOMCAST_CLUSTER_KEY the key of the gateway?",
    )


async def _until_state(reader: ClusterReader, node: str, wanted: frozenset[str], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            while await _state(reader, node) not in wanted:  # noqa: ASYNC110 (it is another process's state)
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise RoomcastError(Code.UNAVAILABLE, f"gateway {node} did not finish within {seconds:.0f} s") from None


async def _publish(reader: ClusterReader, node: str, order: Order) -> None:
    await reader.publish(keys.CONTROL, pack(NodeOrder(node, order)), Seals(cluster_keys()))


async def _state(reader: ClusterReader, node: str) -> str:
    state: bytes | None = await reader.call("GET", keys.node_state(node))
    return "" if state is None else state.decode()


async def _living(reader: ClusterReader, node: str) -> Node:
    found = [each for each in await reader.nodes() if each.node == node and each.is_alive]
    if not found:
        raise RoomcastError(Code.NOT_FOUND, f"no gateway {node} is alive")
    return found[0]
