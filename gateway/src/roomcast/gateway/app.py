"""Run a gateway: serve until SIGTERM, then drain. `roomcast.gateway.parts` is the composition root."""

from __future__ import annotations

import asyncio
import secrets
import signal

import structlog

from roomcast.adapter.redis.channel_handlers import take_unsealed
from roomcast.contract import keys
from roomcast.gateway.config import Config
from roomcast.gateway.operations.memory_release import watch_memory
from roomcast.gateway.operations.node_claim import NodeTakenError, describe_process
from roomcast.gateway.operations.readiness import watch_subscriptions, why_not_ready
from roomcast.gateway.parts import Parts
from roomcast.gateway.stores.nodes import take_free_number
from roomcast.process import health_server
from roomcast.process.settings import SettingsError
from roomcast.wire.tasks import TaskSet

_log = structlog.get_logger(__name__)


async def run(config: Config) -> bool:
    """Run one gateway until SIGTERM; return False if the gateway ended because of an error.

    Raises SettingsError for a bad setting, and OSError for a port in use or if no node number can be claimed.
    """
    if not config.node:
        number = await take_free_number(config.redis_url, secrets.token_hex(4), describe_process())
        config = config.model_copy(update={"node": number})
    try:
        gateway = Gateway(config)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    await gateway.run()
    return not gateway.is_failed


class Gateway:
    """One gateway; `run` serves until SIGTERM."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.stopping = asyncio.Event()
        self.is_failed = False
        """True when the gateway ended because of an error, not because of SIGTERM or SIGINT."""
        self.tasks = TaskSet()
        self.parts = Parts(config, self.stopping, self._give_up)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then drain. Raises OSError for a port in use."""
        config, stopping = self.config, self.stopping
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        async with health_server.serve(
            config.ops_host, config.metrics_port, self._is_ready, self._exposition, config.tls, self._why_not_ready
        ):
            self._start()
            await self.parts.runner.setup()
            await self.parts.listener.start()
            _log.info("gateway runs", node=config.node, port=config.port, metrics_port=config.metrics_port)
            await stopping.wait()
            _log.info("gateway drains", connections=len(self.parts.sessions))
            self.parts.presence.is_draining = True
            await self.parts.drain.run()
            self.parts.listener.end()
            await self._end()
        _log.info("gateway ended", node=config.node)

    def _start(self) -> None:
        """Subscribe to the channels, then start the background tasks."""
        parts, ticker, supervise = self.parts, self.parts.adapter.ticker, self.tasks.supervise
        parts.adapter.start(
            parts.stores.log,
            on_note=parts.occupancy.receive_note,
            on_node_message=parts.media_requests.receive_reply,
            on_resubscribed=self._resubscribed,
        )
        for shard in range(keys.PRESENCE_SHARDS):
            parts.adapter.subscribe(keys.presence_channel(shard), parts.presence.receive_changes, take_unsealed)
        parts.session_control.subscribe()
        supervise(lambda: parts.isolation.run(ticker), "isolation")
        supervise(self._claim_and_announce, "presence")
        supervise(parts.status_delivery.run, "presence delivery")
        supervise(parts.inbox.run, "inbox")
        supervise(parts.token_keys.run, "token keys")
        supervise(parts.sessions.watch_expiries, "token expiry")
        supervise(lambda: watch_memory(lambda: len(parts.server.eio.sockets), ticker), "memory")
        supervise(lambda: parts.user_limits.run(parts.stores.user_events, ticker), "user limits")
        supervise(lambda: parts.daily_bytes.run(parts.stores.user_bytes, ticker), "daily bytes")
        self.tasks.start(watch_subscriptions(parts.adapter.canary, ticker, self._give_up), "subscriptions")
        parts.lag.start()

    async def _claim_and_announce(self) -> None:
        """Claim the node number and announce presence; give up if another process has the number."""
        try:
            await self.parts.claim.acquire()
        except NodeTakenError:
            self._give_up()
            return
        await self.parts.presence.run()

    def _resubscribed(self) -> None:
        """Read presence, revocations and removals again, because messages about them may have been missed."""
        self.parts.isolation.note_return()
        if self.parts.isolation.is_isolated:
            return  # `Isolation` does all of this at the end of the isolation
        self.parts.enforcer.forget_all()
        self.parts.catch_up()
        self.parts.adapter.background(self.parts.session_control.recheck_all(), "recheck sessions")

    def _give_up(self) -> None:
        """Drain and end with an error, after a failure that this gateway cannot repair."""
        self.is_failed = True
        self.stopping.set()

    async def _end(self) -> None:
        """Give back the leases, end the background tasks, and close the Redis connections last."""
        await self.parts.server.shutdown()
        self.parts.media_requests.close()
        if self.parts.hook_endpoint is not None:
            await self.parts.hook_endpoint.close()
        await self.parts.replays.close()
        await self.parts.presence.retire()
        await self.parts.daily_bytes.report(self.parts.stores.user_bytes, self.parts.daily_bytes.all_unreported())
        await self.tasks.cancel()
        self.parts.lag.stop()
        self.parts.admission.stop()
        await self.parts.runner.cleanup()
        await self.parts.adapter.close()

    def _is_ready(self) -> bool:
        return not self._why_not_ready()

    def _why_not_ready(self) -> str:
        return why_not_ready(
            self.parts.drain,
            self.parts.cordon.state,
            is_claimed=self.parts.claim.is_held,
            has_keys=self.parts.token_keys.is_ready,
            is_connected=self.parts.adapter.is_ready and not self.parts.isolation.is_isolated,
        )

    def _exposition(self) -> bytes:
        """Set the gauges, and return all metrics."""
        metrics, redis = self.parts.metrics, self.parts.adapter.backplane
        metrics.connections.set(len(self.parts.sessions))
        metrics.rooms.set(self.parts.adapter.fanout.rooms)
        metrics.fast_path.inc(self.parts.fast_path.count_taken())
        metrics.inbox.settle(self.parts.inbox.read_figures())
        metrics.redis_up.set(redis.is_up)
        metrics.isolated.set(self.parts.isolation.is_isolated)
        metrics.redis_reconnects.set(redis.reconnects)
        metrics.ready.set(self._is_ready())
        return metrics.exposition()
