"""Obey an operator's order: take no new sessions (cordon), move all clients away as well (drain), or serve again.

A cordoned gateway is not ready, and refuses new sessions with a status at which nginx tries the next gateway. Open
sessions stay connected. An order is for this process only: the next process with the same node number serves again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from roomcast.contract.envelope import NodeOrder
from roomcast.contract.errors import RoomcastError
from roomcast.engineio import Refusal
from roomcast.wire.tasks import StartTask

CORDONED: Final = Refusal(502, 4, "The gateway takes no new sessions", 1, "cordoned")
"""The refusal of a cordoned gateway. nginx passes a 503 on to the client, but tries the next gateway after a 502 (see
nginx.conf)."""

_log = structlog.get_logger(__name__)


class Cordon:
    """The order in force. `state` is empty while the gateway serves, else `cordoned`, `draining` or `drained`.

    `move_clients` closes all transports in batches. `tell_state` writes the state to Redis for operators. `on_state`
    passes the state to the metrics.
    """

    def __init__(
        self,
        node: str,
        move_clients: Callable[[], Awaitable[None]],
        tell_state: Callable[[str], Awaitable[None]],
        on_state: Callable[[str], None],
        background: StartTask,
    ) -> None:
        self.state = ""
        self._node = node
        self._move_clients = move_clients
        self._tell_state = tell_state
        self._on_state = on_state
        self._background = background

    @property
    def is_on(self) -> bool:
        """Return whether the gateway refuses new sessions."""
        return bool(self.state)

    def receive(self, order: NodeOrder) -> None:
        """Handle a control message; ignore an order for another gateway."""
        if order.node == self._node:
            self._background(self._obey(order), "order of an operator")

    async def _obey(self, order: NodeOrder) -> None:
        _log.warning("order of an operator", node=self._node, order=order.order)
        if order.order == "uncordon":
            await self._enter("")
        elif order.order == "cordon":
            await self._enter(self.state or "cordoned")
        elif self.state != "draining":
            await self._enter("draining")
            await self._move_clients()
            if self.is_on:
                await self._enter("drained")

    async def _enter(self, state: str) -> None:
        self.state = state
        self._on_state(state or "serving")
        try:
            await self._tell_state(state)
        except RoomcastError as error:
            _log.warning("the cordon state reaches Redis only with the next lease renewal", error=str(error))
