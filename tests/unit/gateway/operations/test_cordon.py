"""An operator's orders to one gateway: cordon, drain, uncordon."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from roomcast.contract.envelope import NodeOrder
from roomcast.contract.errors import Code, RoomcastError
from roomcast.gateway.operations.cordon import Cordon


class Rig:
    """Gateway 3, and a record of its reported states and moves."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.shown: list[str] = []
        self.moves = 0
        self.is_redis_away = False
        self.during_move: NodeOrder | None = None
        self.work: list[Coroutine[Any, Any, Any]] = []
        self.cordon = Cordon("3", self._move, self._tell, self.shown.append, lambda work, _name: self.work.append(work))

    async def _move(self) -> None:
        self.moves += 1
        if self.during_move is not None:
            order, self.during_move = self.during_move, None
            await self.order(order.order)

    async def _tell(self, state: str) -> None:
        if self.is_redis_away:
            raise RoomcastError(Code.UNAVAILABLE)
        self.told.append(state)

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
    assert rig.told == ["cordoned", "cordoned", ""]
    assert rig.shown == ["cordoned", "cordoned", "serving"]
    assert rig.moves == 0


async def test_a_drain_moves_the_clients_and_leaves_a_cordon() -> None:
    rig = Rig()
    await rig.order("drain")
    assert rig.told == ["draining", "drained"]
    assert rig.moves == 1


async def test_an_uncordon_during_a_drain_wins() -> None:
    rig = Rig()
    rig.during_move = NodeOrder("3", "uncordon")
    await rig.order("drain")
    assert rig.told == ["draining", ""]
    assert not rig.cordon.is_on


async def test_a_second_drain_during_the_first_moves_no_clients() -> None:
    rig = Rig()
    rig.during_move = NodeOrder("3", "drain")
    await rig.order("drain")
    assert rig.moves == 1


async def test_a_gateway_ignores_orders_to_others() -> None:
    rig = Rig()
    await rig.order("drain", node="30")
    assert (rig.cordon.state, rig.told, rig.moves) == ("", [], 0)


async def test_a_gateway_obeys_although_redis_does_not_answer() -> None:
    rig = Rig()
    rig.is_redis_away = True
    await rig.order("cordon")
    assert rig.cordon.is_on
    assert rig.told == []
