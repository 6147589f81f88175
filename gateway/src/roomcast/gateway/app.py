"""The composition root: makes every part of a gateway, runs it, and ends it in order."""

from __future__ import annotations

import asyncio
import secrets
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from aiohttp import web

from roomcast.adapter.manager import RedisAdapter
from roomcast.adapter.node_messages import NodeMessage
from roomcast.contract import keys
from roomcast.contract.envelope import MediaReply
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events import AuthRefresh, MediaSign, MediaUrl
from roomcast.contract.lua import SCRIPTS
from roomcast.engineio import Caller, Refusal
from roomcast.gateway.chat.access import RoomAccess
from roomcast.gateway.chat.emitter import NAMESPACE, Emitter
from roomcast.gateway.chat.fast_path import MessageFastPath
from roomcast.gateway.chat.joining import RoomJoins
from roomcast.gateway.chat.messages import Chat
from roomcast.gateway.chat.namespace import ChatNamespace, Handler, SessionHooks
from roomcast.gateway.chat.replay import Replays
from roomcast.gateway.chat.rooms import Rooms
from roomcast.gateway.config import Config
from roomcast.gateway.media.requests import MediaRequests
from roomcast.gateway.operations.admission import Admission
from roomcast.gateway.operations.drain import Drain, State
from roomcast.gateway.operations.lag import LagWatch
from roomcast.gateway.operations.listener import Listener
from roomcast.gateway.operations.observe import Metrics
from roomcast.gateway.presence.activity import Activity
from roomcast.gateway.presence.occupancy import OccupancyService
from roomcast.gateway.presence.service import PresenceService
from roomcast.gateway.presence.watchers import Watchers
from roomcast.gateway.sign_in.dev_login import DevLogin
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.gateway.sign_in.sessions import ControlChannel, Sessions
from roomcast.gateway.sign_in.tokens import JwksKeys, Keys, SharedSecret, Verifier
from roomcast.gateway.stores.log import LogStore, Retention
from roomcast.gateway.stores.occupancy import OccupancyStore
from roomcast.gateway.stores.presence import PresenceStore
from roomcast.gateway.stores.rooms import RoomStore
from roomcast.gateway.stores.uploads import Uploads
from roomcast.process import ops
from roomcast.process.settings import SettingsError
from roomcast.socketio.server import create_server
from roomcast.wire.tasks import TaskSet

_DEAF_DRAIN_SECONDS: Final = 10.0
_log = structlog.get_logger(__name__)


class Gateway:
    """Every part of one gateway, made and joined; `run` lives until SIGTERM."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.metrics = Metrics()
        self.adapter = RedisAdapter(
            config.redis_url,
            node=config.node,
            observer=self.metrics,
            redis_timeout_seconds=config.redis_timeout_seconds,
            replicas=config.wait_replicas,
            scripts=SCRIPTS,
            node_messages=NodeMessage | MediaReply,
        )
        self.server: Any = create_server(
            node=config.node,
            client_manager=self.adapter,
            observer=self.metrics.engine,
            cors_allowed_origins=list(config.allowed_origins) or None,
            trusted_proxies=config.trusted_proxies,
            ping_interval=config.ping_interval_seconds,
            ping_timeout=config.ping_timeout_seconds,
            connect_seconds=config.connect_seconds,
            max_payload=config.max_payload_bytes,
            max_buffer=config.send_buffer_bytes,
            max_pending_per_peer=config.pending_per_address,
        )
        self.admission = Admission(
            config.sessions_per_second, config.sessions_burst, config.sessions_wait_seconds, time.monotonic
        )
        self.server.eio.admission = self._admit
        backplane = self.adapter.backplane
        retention = Retention(messages=config.log_messages, age_seconds=config.retention_days * 86_400)
        self.log = LogStore(backplane, namespace=NAMESPACE, retention=retention)
        self.store = RoomStore(backplane)
        self.uploads = Uploads(backplane, retention_seconds=int(config.retention_days * 86_400))
        self.outbox = Emitter(self.adapter)
        presence_store = PresenceStore(backplane, config.node, self.adapter.incarnation)
        watchers, hidden = Watchers(time.monotonic), set[str]()
        self.occupancy = OccupancyService(
            OccupancyStore(backplane, config.node),
            presence_store,
            self.store,
            self.outbox,
            watchers,
            hidden,
            self.adapter.background,
        )
        self.presence = PresenceService(
            presence_store,
            self.outbox,
            self.occupancy,
            Activity(time.monotonic),
            watchers,
            hidden,
            self.adapter.beat,
            self.adapter.background,
            lambda: self.adapter.members.everyone(NAMESPACE),
        )
        self.control = ControlChannel(self.adapter, self._hear_control)
        self.access = RoomAccess(self.store)
        self.replays = Replays(self.log, self.outbox, buffer_bytes=config.send_buffer_bytes // 4)
        self.joins = RoomJoins(
            self.adapter,
            self.log,
            self.store,
            self.access,
            self.outbox,
            self.occupancy,
            self.presence,
            self.replays,
            max_rooms=config.rooms_per_connection,
        )
        self.rooms = Rooms(self.store, self.access, self.outbox, self.occupancy, self.presence, self.control)
        self.chat = Chat(
            self.log,
            self.access,
            self.uploads.verified_media,
            self.rooms.address,
            max_message_bytes=config.message_bytes,
        )
        self.desk = MediaRequests(self.uploads, config.node, lambda: secrets.token_urlsafe(12))
        self.doorman = self._make_doorman()
        self.namespace = ChatNamespace(
            SessionHooks(self.doorman.open, self.doorman.close), self._handlers(), self.metrics, self.presence.mark_seen
        )
        self.server.register_namespace(self.namespace)
        self.lane = MessageFastPath(
            self.server.eio,
            self.log,
            self.metrics,
            seen=self.presence.mark_seen,
            detour=self.server.take_packet,
            max_message_bytes=config.message_bytes,
        )
        self.chat.on_plain = self.lane.issue
        self.lag = LagWatch(self.adapter.beat, config.lag_probe_seconds, self.metrics.late)
        self.tasks = TaskSet()
        self.is_failed = False
        """Whether it ended because it could not go on, rather than because it was told to."""

    def _make_doorman(self) -> Sessions:
        config = self.config
        keys: Keys = (
            SharedSecret(config.jwt_secret.get_secret_value())
            if config.jwt_secret is not None
            else JwksKeys(config.jwks_url or "")
        )
        return Sessions(
            self.adapter,
            Verifier(keys, audience=config.jwt_audience, issuer=config.jwt_issuer),
            self.store,
            self.outbox,
            events_per_second=config.events_per_second,
            events_burst=config.events_burst,
            limits={
                "message_bytes": config.message_bytes,
                "upload_bytes": config.upload_bytes,
                "payload_bytes": config.max_payload_bytes,
                "rooms": config.rooms_per_connection,
            },
            on_open=self.presence.add_session,
            on_close=self.presence.remove_session,
        )

    def _handlers(self) -> dict[str, Handler]:
        """Every event of the protocol and its use case."""
        return {
            "room:join": self.joins.join,
            "room:leave": self.joins.leave,
            "room:members": self.rooms.members,
            "room:create": self.rooms.create,
            "room:invite": self.rooms.invite,
            "room:remove": self.rooms.remove,
            "room:list": self.rooms.list,
            "message:send": self.chat.send,
            "message:edit": self.chat.edit,
            "message:delete": self.chat.delete,
            "message:react": self.chat.react,
            "message:history": self.chat.history,
            "typing": self.presence.send_typing,
            "receipt:read": self.rooms.read,
            "presence": self.presence.set_presence,
            "presence:query": self.presence.query_users,
            "presence:watch": self.presence.watch_users,
            "presence:unwatch": self.presence.unwatch_users,
            "media:sign": self._sign_media,
            "media:complete": lambda session, p: self.desk.complete(session.user, p),
            "media:url": self._media_url,
            "auth:refresh": self._refresh_token,
        }

    async def _sign_media(self, session: ChatSession, p: MediaSign) -> dict[str, Any]:
        await self.access.require_entry(session, p.room)
        return await self.desk.sign(session.user, p)

    async def _media_url(self, session: ChatSession, p: MediaUrl) -> dict[str, Any]:
        room = await self.uploads.room_of(p.upload)
        if room not in session.rooms and not await self.access.may_enter(session, room):
            raise RoomcastError(Code.NOT_FOUND)
        return await self.desk.url(session.user, p, room)

    async def _refresh_token(self, session: ChatSession, p: AuthRefresh) -> dict[str, Any]:
        """Rooms that the new token does not open are left."""
        answer = await self.doorman.refresh(session, p)
        await self.joins.recheck(session)
        return answer

    def _hear_control(self, message: Any) -> None:
        self.doorman.hear_control(message, self.joins.take_out)

    def _resubscribed(self) -> None:
        """What was published meanwhile was missed: presence, revocations and removals are in their keys."""
        self.presence.on_resubscribed()
        self.adapter.background(self.doorman.look_again(self.joins.recheck), "look again")

    def _admit(self, caller: Caller) -> Refusal | float:
        """Before each new session: a storm comes in at a rate."""
        turn = self.admission.ask()
        return Refusal(503, 4, "Too many new sessions", turn.retry_after) if turn.retry_after else turn.wait

    # --- running ---

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then drain. Raises OSError when a port is taken."""
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        listener, runner = self._listener()
        drain = self._drain(listener.stop)
        config = self.config
        async with ops.serve(config.host, config.metrics_port, lambda: self._is_ready(drain), self._exposition):
            self._start_parts(stopping)
            await runner.setup()
            await listener.start()
            _log.info("gateway runs", node=config.node, port=config.port, metrics_port=config.metrics_port)
            await stopping.wait()
            _log.info("gateway drains", connections=len(self.doorman))
            self.presence.is_draining = True
            await drain.run()
            listener.end()
            await self._end(runner)
        _log.info("gateway ended", node=config.node)

    def _listener(self) -> tuple[Listener, web.AppRunner]:
        application = web.Application(client_max_size=self.config.max_payload_bytes + 1024)
        self.server.attach(application, socketio_path="socket.io")
        if self.config.dev_login and self.config.jwt_secret is not None:
            DevLogin(self.config.jwt_secret.get_secret_value()).add_to(application)
        runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        return Listener(runner, self.server.eio, self.config.host, self.config.port), runner

    def _drain(self, close_listener: Callable[[], Awaitable[None]]) -> Drain:
        return Drain(
            self.server.eio,
            budget_seconds=self.config.drain_seconds,
            announce=self._announce_drain,
            close_listener=close_listener,
            in_flight=lambda: self.namespace.in_flight + self.lane.in_flight,
            on_state=self.metrics.drain,
        )

    def _start_parts(self, stopping: asyncio.Event) -> None:
        self.adapter.on_node_message = self.desk.reply
        self.adapter.on_resubscribed = self._resubscribed
        self.adapter.start(self.log)
        for shard in range(keys.PRESENCE_SHARDS):
            self.adapter.listen(keys.presence_channel(shard), self.presence.receive_changes)
        self.adapter.fanout.on_note = self.occupancy.receive_note
        self.control.start()
        self.tasks.start(self.presence.run(), "presence")
        self.tasks.start(self.doorman.watch_expiries(), "token expiry")
        self.lag.start()
        self.tasks.start(self._watch_ears(stopping), "deafness")

    async def _watch_ears(self, stopping: asyncio.Event) -> None:
        """A gateway that stays deaf though its link was opened again moves its clients to others, and ends."""
        loop = asyncio.get_running_loop()
        while self.adapter.choir.deaf_seconds(loop.time()) < _DEAF_DRAIN_SECONDS:
            await self.adapter.beat.wait()
        _log.error("gateway is deaf: commands work, but nothing published comes back", node=self.config.node)
        self.is_failed = True
        stopping.set()

    def _is_ready(self, drain: Drain) -> bool:
        return drain.state is State.SERVING and self.adapter.is_ready

    def _announce_drain(self, within_seconds: float) -> None:
        sids = list(self.adapter.members.everyone(NAMESPACE))
        self.outbox.to_sessions(sids, "drain", {"within_seconds": within_seconds})

    def _exposition(self) -> bytes:
        metrics = self.metrics
        metrics.connections.set(len(self.doorman))
        metrics.rooms.set(self.adapter.fanout.rooms)
        metrics.plain.inc(self.lane.newly_taken())
        metrics.redis_up.set(self.adapter.backplane.is_up)
        metrics.redis_reconnects.set(self.adapter.backplane.reconnects)
        metrics.ready.set(self.adapter.is_ready)
        return metrics.exposition()

    async def _end(self, runner: web.AppRunner) -> None:
        """Leases, then what runs, then Redis, last."""
        await self.server.shutdown()
        self.desk.close()
        await self.replays.close()
        await self.presence.retire()
        await self.tasks.cancel()
        self.lag.stop()
        await runner.cleanup()
        await self.adapter.close()


async def run(config: Config) -> bool:
    """One gateway, until SIGTERM; False when it ended by itself. Raises SettingsError, and OSError for a taken port."""
    try:
        gateway = Gateway(config)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    await gateway.run()
    return not gateway.is_failed
