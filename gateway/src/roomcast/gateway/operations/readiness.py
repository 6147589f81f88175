"""Decide whether a gateway is ready, and end a gateway whose subscriptions stay broken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from roomcast.gateway.operations.drain import Drain, State
from roomcast.gateway.operations.ticks import Ticks

_DEAF_DRAIN_SECONDS: Final = 10.0
_log = structlog.get_logger(__name__)


class Subscriptions(Protocol):
    """See `roomcast.adapter.redis.canary.CanaryProbe`."""

    def deaf_seconds(self, now: float) -> float:
        """Return for how many seconds the gateway has been deaf; 0 while probes arrive, and while commands fail."""
        ...


def why_not_ready(drain: Drain, cordon: str, *, is_claimed: bool, has_keys: bool, is_connected: bool) -> str:
    """Return why nginx may not send new sessions here; empty if it may. `cordon` is the `state` of the `Cordon`."""
    if drain.state is not State.SERVING:
        return str(drain.state.value)
    if cordon:
        return cordon
    if not is_connected:
        return "no working connection to Redis"
    if not is_claimed:
        return "the node number is not claimed yet"
    return "" if has_keys else "no token keys yet"


async def watch_subscriptions(
    subscriptions: Subscriptions, ticks: Ticks, give_up: Callable[[], None], deaf_seconds: float = _DEAF_DRAIN_SECONDS
) -> None:
    """Call `give_up` once the gateway has been deaf for `deaf_seconds`: reopening the subscriptions did not help.

    The gateway then drains and ends: its clients move to working gateways, and its supervisor restarts it.
    """
    loop = asyncio.get_running_loop()
    while subscriptions.deaf_seconds(loop.time()) < deaf_seconds:
        await ticks.wait()
    _log.error("gateway ends: Redis runs its commands, but published packets do not arrive")
    give_up()
