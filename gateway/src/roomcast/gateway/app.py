"""Build a gateway from its parts, and run it: the composition root."""

from __future__ import annotations

import asyncio
import secrets
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import structlog
from aiohttp import web

from roomcast.adapter.manager import RedisAdapter
from roomcast.adapter.node_messages import NodeMessage
from roomcast.contract import keys
from roomcast.contract.envelope import MediaReply
from roomcast.contract.lua import SCRIPTS
from roomcast.engineio.http_log import HTTP_LOG
from roomcast.gateway.chat.access import RoomAccess
from roomcast.gateway.chat.emitter import NAMESPACE, Emitter
from roomcast.gateway.chat.enforcement import SanctionEnforcer
from roomcast.gateway.chat.fast_path import MessageFastPath
from roomcast.gateway.chat.joining import RoomJoins
from roomcast.gateway.chat.messages import Chat
from roomcast.gateway.chat.moderation import Moderation
from roomcast.gateway.chat.namespace import ChatNamespace, Handler, SessionHooks
from roomcast.gateway.chat.privacy import Privacy
from roomcast.gateway.chat.replay import Replays
from roomcast.gateway.chat.room_channels import RoomChannels
from roomcast.gateway.chat.rooms import Rooms
from roomcast.gateway.chat.sanctions import Sanctions
from roomcast.gateway.config import Config
from roomcast.gateway.media.requests import MediaRequests
from roomcast.gateway.media.use_cases import MediaUseCases
from roomcast.gateway.operations.admission import AdmissionQueue
from roomcast.gateway.operations.admission_control import AdmissionControl
from roomcast.gateway.operations.drain import Drain
from roomcast.gateway.operations.lag import LagProbe
from roomcast.gateway.operations.listener import Listener
from roomcast.gateway.operations.memory import watch_crowds
from roomcast.gateway.operations.metrics import Metrics
from roomcast.gateway.operations.node_claim import NodeClaim, NodeTakenError, describe_process
from roomcast.gateway.operations.readiness import is_ready, watch_subscriptions
from roomcast.gateway.operations.reconnect_tickets import ReconnectTickets
from roomcast.gateway.operations.user_limits import BURST_SECONDS, UserLimits
from roomcast.gateway.presence.activity import Activity
from roomcast.gateway.presence.occupancy import OccupancyService
from roomcast.gateway.presence.service import PresenceService
from roomcast.gateway.presence.watchers import Watchers
from roomcast.gateway.sign_in.control import ControlPublisher, SessionControl
from roomcast.gateway.sign_in.dev_login import DevLogin
from roomcast.gateway.sign_in.jwks import JwksKeys
from roomcast.gateway.sign_in.keys import Keys, SharedSecret
from roomcast.gateway.sign_in.sessions import Sessions
from roomcast.gateway.sign_in.verifier import Verifier
from roomcast.gateway.stores.log import LogStore, Retention
from roomcast.gateway.stores.moderation import ModerationStore
from roomcast.gateway.stores.nodes import NodeStore, take_free_number
from roomcast.gateway.stores.occupancy import OccupancyStore
from roomcast.gateway.stores.presence import PresenceStore
from roomcast.gateway.stores.rooms import RoomStore
from roomcast.gateway.stores.uploads import Uploads
from roomcast.gateway.stores.user_events import UserEvents
from roomcast.process import ops
from roomcast.process.settings import SettingsError
from roomcast.socketio.server import MAX_PENDING_BYTES, create_server
from roomcast.wire.tasks import TaskSet

_log = structlog.get_logger(__name__)

_FRAMES_PER_EVENT = 10
"""Frames of any kind that a client may send for each event that it may: attachments, pongs, what is refused."""
_MEAN_EVENT_BYTES = 20_000
"""The input of a client is bounded as if each event held a text of the largest size."""
_BURST_PAYLOADS = 10


async def run(config: Config) -> bool:
    """Run one gateway until SIGTERM; return False when it ended by itself.

    Raises SettingsError, and OSError for a taken port.
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


# --- the parts ---


def make_adapter(config: Config, metrics: Metrics) -> RedisAdapter:
    """Make the Redis adapter, with the scripts and node messages of the chat."""
    return RedisAdapter(
        config.redis_url,
        node=config.node,
        observer=metrics,
        redis_timeout_seconds=config.redis_timeout_seconds,
        replicas=config.wait_replicas,
        scripts=SCRIPTS,
        node_messages=NodeMessage | MediaReply,
        is_node_leased=True,
    )


def make_server(config: Config, adapter: RedisAdapter, metrics: Metrics) -> Any:
    """Make the Socket.IO server on our Engine.IO server."""
    return create_server(
        node=config.node,
        client_manager=adapter,
        observer=metrics.engine,
        cors_allowed_origins=list(config.allowed_origins) or None,
        trusted_proxies=config.trusted_proxies,
        ping_interval=config.ping_interval_seconds,
        ping_timeout=config.ping_timeout_seconds,
        connect_seconds=config.connect_seconds,
        max_payload=config.max_payload_bytes,
        max_buffer=config.send_buffer_bytes,
        max_pending_per_peer=config.pending_per_address,
        max_pending_bytes=MAX_PENDING_BYTES,
        frames_per_second=_FRAMES_PER_EVENT * config.events_per_second,
        frames_burst=_FRAMES_PER_EVENT * config.events_per_second * BURST_SECONDS,
        bytes_per_second=config.events_per_second * _MEAN_EVENT_BYTES,
        bytes_burst=_BURST_PAYLOADS * config.max_payload_bytes
        + config.events_per_second * BURST_SECONDS * _MEAN_EVENT_BYTES,
    )


class Stores(NamedTuple):
    """The stores of the gateway in Redis."""

    log: LogStore
    rooms: RoomStore
    uploads: Uploads
    presence: PresenceStore
    occupancy: OccupancyStore
    nodes: NodeStore
    user_events: UserEvents
    moderation: ModerationStore


def make_stores(config: Config, adapter: RedisAdapter) -> Stores:
    """Make the stores over the adapter's connections to Redis."""
    redis, retention_seconds = adapter.backplane, int(config.retention_days * 86_400)
    retention = Retention(messages=config.log_messages, age_seconds=retention_seconds)
    return Stores(
        LogStore(redis, namespace=NAMESPACE, retention=retention),
        RoomStore(redis),
        Uploads(redis, retention_seconds=retention_seconds),
        PresenceStore(redis, config.node, adapter.incarnation),
        OccupancyStore(redis, config.node),
        NodeStore(redis, config.node, adapter.incarnation, describe_process()),
        UserEvents(redis, config.node),
        ModerationStore(redis),
    )


def make_presence(
    adapter: RedisAdapter, emitter: Emitter, stores: Stores, on_node_lost: Callable[[], None]
) -> tuple[OccupancyService, PresenceService]:
    """Make the two services that share what users watch and who is hidden."""
    watchers, hidden = Watchers(time.monotonic), set[str]()
    occupancy = OccupancyService(
        stores.occupancy, stores.presence, stores.rooms, emitter, watchers, hidden, adapter.background
    )
    presence = PresenceService(
        stores.presence,
        stores.nodes,
        emitter,
        occupancy,
        Activity(time.monotonic),
        watchers,
        hidden,
        adapter.ticker,
        adapter.background,
        lambda: adapter.members.everyone(NAMESPACE),
        on_node_lost,
    )
    return occupancy, presence


def make_tickets(config: Config) -> ReconnectTickets:
    """Make the reconnect tickets, with a key that all gateways of a cluster have in common."""
    secret = config.redis_url if config.jwt_secret is None else config.jwt_secret.get_secret_value()
    return ReconnectTickets(secret, time.time)


def make_token_keys(config: Config) -> Keys:
    """Make the keys by which tokens are verified: the shared secret, or a key set."""
    secret = config.jwt_secret
    return JwksKeys(config.jwks_url or "") if secret is None else SharedSecret(secret.get_secret_value())


def make_sessions(
    config: Config,
    adapter: RedisAdapter,
    emitter: Emitter,
    stores: Stores,
    presence: PresenceService,
    tickets: ReconnectTickets,
    verifier: Verifier,
    user_limits: UserLimits,
    is_banned: Callable[[str], Awaitable[bool]],
) -> Sessions:
    """Make the sign-in: token verification, revocation, expiry and limits."""
    return Sessions(
        adapter,
        verifier,
        stores.rooms,
        emitter,
        user_limits=user_limits,
        limits={
            "message_bytes": config.message_bytes,
            "upload_bytes": config.upload_bytes,
            "payload_bytes": config.max_payload_bytes,
            "rooms": config.rooms_per_connection,
        },
        issue_ticket=tickets.issue,
        is_banned=is_banned,
        on_open=presence.add_session,
        on_close=presence.remove_session,
    )


def make_listener(config: Config, server: Any, metrics: Metrics) -> tuple[Listener, web.AppRunner]:
    """Make the listener for clients, and the aiohttp application behind it."""
    application = web.Application(client_max_size=config.max_payload_bytes + 1024)
    server.attach(application, socketio_path="socket.io")
    if config.dev_login and config.jwt_secret is not None:
        DevLogin(config.jwt_secret.get_secret_value()).add_to(application)
    runner = web.AppRunner(
        application,
        access_log=None,
        logger=HTTP_LOG,
        handle_signals=False,
        shutdown_timeout=1.0,
        lingering_time=1.0,
    )
    return Listener(runner, server.eio, config.host, config.port, metrics.engine.refused), runner


class Gateway:
    """The parts of one gateway, joined; `run` serves until SIGTERM."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.stopping = asyncio.Event()
        self.is_failed = False
        """True when the gateway ended because it could not go on, rather than because it was told to."""
        self.tasks = TaskSet()
        self.metrics = Metrics()
        self.adapter = make_adapter(config, self.metrics)
        self.server = make_server(config, self.adapter, self.metrics)
        self.stores = make_stores(config, self.adapter)
        self.emitter = Emitter(self.adapter)
        self.occupancy, self.presence = make_presence(self.adapter, self.emitter, self.stores, self._give_up)
        self.tickets = make_tickets(config)
        self.token_keys = make_token_keys(config)
        verifier = Verifier(
            self.token_keys,
            audience=config.jwt_audience,
            issuer=config.jwt_issuer,
            on_refusal=self.metrics.token_refused,
        )
        self.user_limits = UserLimits(config.events_per_second, time.monotonic)
        self.sanctions = Sanctions(self.stores.moderation, lambda: self.sessions.now_ms())
        self.sessions = make_sessions(
            config,
            self.adapter,
            self.emitter,
            self.stores,
            self.presence,
            self.tickets,
            verifier,
            self.user_limits,
            self.sanctions.is_banned_everywhere,
        )
        self.control = ControlPublisher(self.adapter)
        self.access = RoomAccess(self.stores.rooms, self.sanctions.is_banned, config.create_rooms)
        channels = RoomChannels(self.adapter)
        self.replays = Replays(self.stores.log, channels, buffer_bytes=config.send_buffer_bytes // 4)
        self.joins = RoomJoins(
            channels,
            self.stores.log,
            self.stores.rooms,
            self.access,
            self.emitter,
            self.occupancy,
            self.presence,
            self.replays,
            max_rooms=config.rooms_per_connection,
        )
        self.session_control = SessionControl(
            self.adapter,
            self.sessions,
            self.stores.rooms,
            self.emitter,
            self.joins,
            is_banned=self.sanctions.is_banned_everywhere,
            on_sanctioned=lambda message: self.enforcer.receive(message),
        )
        self.enforcer = SanctionEnforcer(
            self.sanctions,
            self.sessions,
            MessageFastPath.revoke_tickets,
            self.session_control.check_revocations,
            self.joins.recheck_sessions,
            self.adapter.background,
        )
        self.rooms = Rooms(self.stores.rooms, self.access, self.emitter, self.occupancy, self.presence, self.control)
        self.fast_path = MessageFastPath(
            self.server.eio,
            self.stores.log,
            self.metrics,
            seen=self.presence.mark_seen,
            detour=self.server.take_packet,
            max_message_bytes=config.message_bytes,
        )
        self.chat = Chat(
            self.stores.log,
            self.access,
            self.stores.uploads.read_verified,
            self.rooms.announce_direct_room,
            self.fast_path.issue_ticket,
            self.sanctions,
            max_message_bytes=config.message_bytes,
        )
        self.moderation = Moderation(
            self.stores.moderation,
            self.sanctions,
            self.access,
            self.stores.rooms,
            self.stores.log,
            self.emitter,
            self.control,
        )
        self.privacy = Privacy(self.presence, self.sanctions)
        self.media_requests = MediaRequests(self.stores.uploads, config.node, lambda: secrets.token_urlsafe(12))
        self.media = MediaUseCases(self.media_requests, self.stores.uploads, self.access)
        self.namespace = ChatNamespace(
            SessionHooks(self.sessions.sign_in, self.sessions.sign_out),
            self._handlers(),
            self.metrics,
            self.presence.mark_seen,
        )
        self.server.register_namespace(self.namespace)
        self.admission = AdmissionControl(
            AdmissionQueue(time.monotonic), lambda: self.claim.is_held, self.tickets.is_valid
        )
        self.server.eio.admission = self.admission
        self.lag = LagProbe(self.adapter.ticker, config.lag_probe_seconds, self._record_lag)
        self.claim = NodeClaim(self.stores.nodes, config.node)
        self.listener, self.runner = make_listener(config, self.server, self.metrics)
        self.drain = Drain(
            self.server.eio,
            budget_seconds=config.drain_seconds,
            announce=self._announce_drain,
            close_listener=self.listener.stop,
            in_flight=lambda: self.namespace.in_flight + self.fast_path.in_flight,
            on_state=self.metrics.drain,
        )

    def _handlers(self) -> dict[str, Handler]:
        """Map every event of the protocol to its use case."""
        return {
            "room:join": self.joins.join_room,
            "room:leave": self.joins.leave_room,
            "room:members": self.rooms.list_members,
            "room:create": self.rooms.create_room,
            "room:invite": self.rooms.invite_user,
            "room:remove": self.rooms.remove_user,
            "room:list": self.rooms.list_rooms,
            "message:send": self.chat.send_message,
            "message:edit": self.chat.edit_message,
            "message:delete": self.chat.delete_message,
            "message:react": self.chat.react_to_message,
            "message:history": self.chat.read_history,
            "message:report": self.moderation.report,
            "report:list": self.moderation.list_reports,
            "report:resolve": self.moderation.resolve_report,
            "room:sanction": self.moderation.sanction,
            "room:sanctions": self.moderation.list_sanctions,
            "room:slow": self.moderation.set_slow,
            "user:block": self.moderation.block,
            "user:blocked": self.moderation.list_blocked,
            "typing": self.privacy.send_typing,
            "receipt:read": self.rooms.mark_read,
            "presence": self.presence.set_presence,
            "presence:query": self.privacy.query_users,
            "presence:watch": self.privacy.watch_users,
            "presence:unwatch": self.presence.unwatch_users,
            "media:sign": self.media.sign_upload,
            "media:complete": self.media.complete_upload,
            "media:url": self.media.sign_download,
            "auth:refresh": self.session_control.refresh_token,
        }

    # --- running ---

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then drain. Raises OSError when a port is taken."""
        config, stopping = self.config, self.stopping
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        async with ops.serve(config.ops_host, config.metrics_port, self._is_ready, self._exposition):
            self._start()
            await self.runner.setup()
            await self.listener.start()
            _log.info("gateway runs", node=config.node, port=config.port, metrics_port=config.metrics_port)
            await stopping.wait()
            _log.info("gateway drains", connections=len(self.sessions))
            self.presence.is_draining = True
            await self.drain.run()
            self.listener.end()
            await self._end()
        _log.info("gateway ended", node=config.node)

    def _start(self) -> None:
        """Subscribe, then start what runs in the background."""
        self.adapter.start(
            self.stores.log,
            on_note=self.occupancy.receive_note,
            on_node_message=self.media_requests.receive_reply,
            on_resubscribed=self._resubscribed,
        )
        for shard in range(keys.PRESENCE_SHARDS):
            self.adapter.subscribe(keys.presence_channel(shard), self.presence.receive_changes)
        self.session_control.subscribe()
        self.tasks.supervise(self._claim_and_announce, "presence")
        self.tasks.supervise(self.token_keys.run, "token keys")
        self.tasks.supervise(self.sessions.watch_expiries, "token expiry")
        self.tasks.supervise(lambda: watch_crowds(lambda: len(self.server.eio.sockets), self.adapter.ticker), "memory")
        self.tasks.supervise(lambda: self.user_limits.run(self.stores.user_events, self.adapter.ticker), "user limits")
        self.tasks.start(watch_subscriptions(self.adapter.canary, self.adapter.ticker, self._give_up), "subscriptions")
        self.lag.start()

    async def _claim_and_announce(self) -> None:
        """Serve only under a number that no other process has."""
        try:
            await self.claim.acquire()
        except NodeTakenError:
            self._give_up()
            return
        await self.presence.run()

    def _resubscribed(self) -> None:
        """Read presence, revocations and removals again: what was published meanwhile was missed."""
        self.presence.on_resubscribed()
        self.enforcer.forget_all()
        self.adapter.background(self.session_control.recheck_all(), "recheck sessions")

    def _record_lag(self, lag: float, busy: float) -> None:
        self.metrics.loop_lag(lag, busy)
        self.user_limits.record_busy(busy)

    def _give_up(self) -> None:
        """Drain and end with an error: this gateway cannot go on."""
        self.is_failed = True
        self.stopping.set()

    async def _end(self) -> None:
        """Give leases back, end what runs, and close Redis last."""
        await self.server.shutdown()
        self.media_requests.close()
        await self.replays.close()
        await self.presence.retire()
        await self.tasks.cancel()
        self.lag.stop()
        self.admission.stop()
        await self.runner.cleanup()
        await self.adapter.close()

    def _is_ready(self) -> bool:
        return self.claim.is_held and self.token_keys.is_ready and is_ready(self.drain, self.adapter.is_ready)

    def _announce_drain(self, within_seconds: float) -> None:
        sids = list(self.adapter.members.everyone(NAMESPACE))
        self.emitter.to_sessions(sids, "drain", {"within_seconds": within_seconds})

    def _exposition(self) -> bytes:
        """Read the gauges, and return all metrics."""
        metrics, redis = self.metrics, self.adapter.backplane
        metrics.connections.set(len(self.sessions))
        metrics.rooms.set(self.adapter.fanout.rooms)
        metrics.fast_path.inc(self.fast_path.count_taken())
        metrics.redis_up.set(redis.is_up)
        metrics.redis_reconnects.set(redis.reconnects)
        metrics.ready.set(self.adapter.is_ready)
        return metrics.exposition()
