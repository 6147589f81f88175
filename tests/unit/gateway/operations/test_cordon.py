"""An operator's orders to one gateway: cordon, drain, uncordon."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from roomcast.contract.envelope import NodeOrder
from roomcast.contract.errors import Code, RoomcastError
from roomcast.gateway.operations.cordon import Cordon


class Rig:
    """Gateway 3. It records the states that go to Redis and to the metrics, and counts the moves of clients."""

    def __init__(self) -> None:
        self.states_in_redis: list[str] = []
        self.states_in_metrics: list[str] = []
        self.moves = 0
        self.is_redis_away = False
        self.during_move: NodeOrder | None = None
        self.work: list[Coroutine[Any, Any, Any]] = []
        self.cordon = Cordon(
            "3", self._move, self._tell, self.states_in_metrics.append, lambda work, _name: self.work.append(work)
        )

    async def _move(self) -> None:
        self.moves += 1
        if self.during_move is not None:
            order, self.during_move = self.during_move, None
            await self.order(order.order)

    async def _tell(self, state: str) -> None:
        if self.is_redis_away:
            raise RoomcastError(Code.UNAVAILABLE)
        self.states_in_redis.append(state)

    async def order(self, order: Any, node: str = "3") -> None:
        self.cordon.receive(NodeOrder(node, order))
        while self.work:
            await self.work.pop(0)


async def test_a_cordon_is_reported_and_lifted() -> None:
    rig = Rig()
    await rig.order("cordon")
    assert rig.cordon.is_on
    await rig.order("cordon")
    await rig.order("uncordon")
    assert not rig.cordon.is_on
    assert rig.states_in_redis == ["cordoned", "cordoned", ""]
    assert rig.states_in_metrics == ["cordoned", "cordoned", "serving"]
    assert rig.moves == 0


async def test_after_a_drain_the_clients_are_moved_and_the_gateway_is_cordoned() -> None:
    rig = Rig()
    await rig.order("drain")
    assert rig.states_in_redis == ["draining", "drained"]
    assert (rig.moves, rig.cordon.is_on) == (1, True)


async def test_after_an_uncordon_during_a_drain_the_gateway_serves() -> None:
    rig = Rig()
    rig.during_move = NodeOrder("3", "uncordon")
    await rig.order("drain")
    assert rig.states_in_redis == ["draining", ""]
    assert not rig.cordon.is_on


async def test_a_drain_during_a_drain_does_not_move_clients_again() -> None:
    rig = Rig()
    rig.during_move = NodeOrder("3", "drain")
    await rig.order("drain")
    assert rig.moves == 1


async def test_a_gateway_ignores_orders_to_other_gateways() -> None:
    rig = Rig()
    await rig.order("drain", node="30")
    assert (rig.cordon.state, rig.states_in_redis, rig.moves) == ("", [], 0)


async def test_a_gateway_obeys_although_redis_does_not_answer() -> None:
    rig = Rig()
    rig.is_redis_away = True
    await rig.order("cordon")
    assert rig.cordon.is_on
    assert rig.states_in_redis == []
