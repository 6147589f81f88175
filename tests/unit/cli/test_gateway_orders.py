"""The command repeats an order until the gateway obeys, and fails after a bounded time."""

from __future__ import annotations

from typing import Any, cast

import pytest

from roomcast.cli import gateway_orders
from roomcast.cli.cluster import ClusterReader, Node
from roomcast.contract import keys
from roomcast.contract.envelope import ControlMessage, NodeOrder
from roomcast.contract.errors import Code, RoomcastError
from roomcast.wire.envelope import Reader
from roomcast.wire.seals import Seals

KEY = "the key of the cluster: 32 bytes or more"


class Gateway:
    """Gateway 3 behind Redis. It misses the first `missed` orders, and is drained after `polls` reads of its state."""

    def __init__(self, *, missed: int = 0, polls: int = 2) -> None:
        self.state = ""
        self.orders: list[str] = []
        self._missed = missed
        self._polls = polls

    async def nodes(self) -> list[Node]:
        return [Node("3", "abc", 7, 1, is_alive=True, state=self.state or "serving")]

    async def publish(self, channel: str, envelope: bytes, seals: Seals) -> None:
        assert channel == keys.CONTROL
        opened, is_sealed = Seals([KEY]).open(channel.encode(), seals.seal(channel, envelope))
        assert is_sealed
        self._obey(Reader(ControlMessage).unpack(opened))

    async def call(self, command: str, *args: Any) -> Any:
        assert (command, args[0]) == ("GET", keys.node_state("3"))
        if self.state == "draining" and self.orders:
            self._polls -= 1
            self.state = "drained" if self._polls <= 0 else "draining"
        return self.state.encode() or None

    def _obey(self, order: NodeOrder) -> None:
        self.orders.append(order.order)
        if len(self.orders) > self._missed:
            self.state = {"cordon": "cordoned", "uncordon": "", "drain": "draining"}[order.order]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOMCAST_CLUSTER_KEY", KEY)
    monkeypatch.setattr(gateway_orders, "_REPEAT_SECONDS", 0.02)
    monkeypatch.setattr(gateway_orders, "_ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(gateway_orders, "_POLL_SECONDS", 0.001)


async def give(gateway: Gateway, order: gateway_orders.Order, node: str = "3") -> Node:
    return await gateway_orders.give(cast("ClusterReader", gateway), node, order, 1.0)


async def test_an_order_that_is_obeyed_is_published_once() -> None:
    gateway = Gateway()
    assert (await give(gateway, "cordon")).state == "cordoned"
    assert (await give(gateway, "uncordon")).state == "serving"
    assert gateway.orders == ["cordon", "uncordon"]


async def test_an_order_that_the_gateway_missed_is_repeated() -> None:
    gateway = Gateway(missed=2)
    await give(gateway, "cordon")
    assert gateway.orders == ["cordon"] * 3


async def test_the_command_waits_for_the_drain_of_a_cordoned_gateway() -> None:
    gateway = Gateway(polls=5)
    await give(gateway, "cordon")
    assert (await give(gateway, "drain")).state == "drained"
    assert gateway.orders == ["cordon", "drain"]
    assert (await give(gateway, "drain")).state == "drained"


async def test_a_gateway_that_does_not_obey_is_an_error() -> None:
    with pytest.raises(RoomcastError, match="did not obey") as error:
        await give(Gateway(missed=1000), "cordon")
    assert error.value.code is Code.UNAVAILABLE


async def test_an_unknown_gateway_is_an_error() -> None:
    with pytest.raises(RoomcastError, match="no gateway 4") as error:
        await give(Gateway(), "cordon", node="4")
    assert error.value.code is Code.NOT_FOUND
