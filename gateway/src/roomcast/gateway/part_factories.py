"""Make the larger parts of a gateway from its settings: adapter, server, stores, presence, sign-in, hook, listener.

`roomcast.gateway.parts` connects them.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple

from aiohttp import web

from roomcast.adapter.manager import RedisAdapter
from roomcast.adapter.node_messages import NodeMessage
from roomcast.adapter.redis.canary import DEAF_SECONDS
from roomcast.contract import keys
from roomcast.contract.envelope import MediaReply
from roomcast.contract.events.server_events import CUSTOM, is_back_end_event
from roomcast.contract.lua import SCRIPTS
from roomcast.contract.tokens import secrets_in
from roomcast.engineio.http.log import HTTP_LOG
from roomcast.engineio.http.origins import OWN_HOST
from roomcast.gateway.chat.emitter import NAMESPACE, Emitter
from roomcast.gateway.chat.enforcement import SanctionEnforcer
from roomcast.gateway.chat.message_content import check_content
from roomcast.gateway.chat.profiles import SignInProfiles
from roomcast.gateway.chat.replay import Replays
from roomcast.gateway.config import Config
from roomcast.gateway.operations.daily_bytes import DailyBytes
from roomcast.gateway.operations.isolation import CUT_TIMEOUTS, Isolation
from roomcast.gateway.operations.listener import Listener
from roomcast.gateway.operations.metrics import Metrics
from roomcast.gateway.operations.node_claim import describe_process
from roomcast.gateway.operations.reconnect_tickets import ReconnectTickets
from roomcast.gateway.operations.user_limits import BURST_SECONDS, UserLimits
from roomcast.gateway.presence.activity import Activity
from roomcast.gateway.presence.delivery import StatusDelivery
from roomcast.gateway.presence.occupancy import OccupancyService
from roomcast.gateway.presence.service import PresenceService
from roomcast.gateway.presence.watchers import Watchers
from roomcast.gateway.publish_hook.circuit import Circuit
from roomcast.gateway.publish_hook.endpoint import HookEndpoint
from roomcast.gateway.publish_hook.hook import PublishHook
from roomcast.gateway.sign_in.control_messages import ControlPublisher, SessionControl
from roomcast.gateway.sign_in.dev_login import DevLogin
from roomcast.gateway.sign_in.jwks import JwksKeys
from roomcast.gateway.sign_in.keys import Keys, SharedSecret
from roomcast.gateway.sign_in.sessions import Sessions
from roomcast.gateway.sign_in.verifier import Verifier
from roomcast.gateway.stores.directory import DirectoryStore
from roomcast.gateway.stores.inbox import InboxStore
from roomcast.gateway.stores.media_requests import MediaRequestStream
from roomcast.gateway.stores.moderation import ModerationStore
from roomcast.gateway.stores.nodes import NodeStore
from roomcast.gateway.stores.occupancy import OccupancyStore
from roomcast.gateway.stores.people import PeopleStore
from roomcast.gateway.stores.presence import PresenceStore
from roomcast.gateway.stores.room_admin import RoomAdminStore
from roomcast.gateway.stores.room_log import LogStore, Retention
from roomcast.gateway.stores.rooms import RoomStore
from roomcast.gateway.stores.uploads import Uploads
from roomcast.gateway.stores.user_bytes import UserBytes
from roomcast.gateway.stores.user_events import UserEvents
from roomcast.process.http_runner import make_runner
from roomcast.socketio.server import MAX_PENDING_BYTES, create_server

_FRAMES_PER_EVENT = 10
"""Frames that a client may send for each allowed event. Attachments, pongs and refused packets count as frames."""
_MEAN_EVENT_BYTES = 20_000
"""Bytes of input that a client may send for each allowed event: a text of the default largest size, and its frame."""
_BURST_PAYLOADS = 10
"""Payloads of the largest size that a client may send at once."""
_MAX_DROPPED_BYTES = 1_000_000
"""Largest size in bytes of an oversized packet that is answered and dropped; the default limit of Socket.IO servers."""


def make_adapter(config: Config, metrics: Metrics) -> RedisAdapter:
    """Make the Redis adapter, with the scripts and node messages of the chat."""
    return RedisAdapter(
        config.redis_url,
        node=config.node,
        observer=metrics.adapter,
        redis_timeout_seconds=config.redis_timeout_seconds,
        replicas=config.wait_replicas,
        scripts=SCRIPTS,
        node_messages=NodeMessage | MediaReply,
        is_node_leased=True,
        cluster_keys=config.cluster_keys,
        unsealed_event=lambda packet: is_back_end_event(packet, (CUSTOM,)),
    )


def make_server(config: Config, adapter: RedisAdapter, metrics: Metrics) -> Any:
    """Make the Socket.IO server on our Engine.IO server."""
    max_dropped = max(_MAX_DROPPED_BYTES, config.max_payload_bytes)
    mean_burst = config.events_per_second * BURST_SECONDS * _MEAN_EVENT_BYTES
    return create_server(
        node=config.node,
        client_manager=adapter,
        observer=metrics.engine,
        cors_allowed_origins=[OWN_HOST, *config.allowed_origins],
        trusted_proxies=config.trusted_proxies,
        ping_interval=config.ping_interval_seconds,
        ping_timeout=config.ping_timeout_seconds,
        connect_seconds=config.connect_seconds,
        max_payload=config.max_payload_bytes,
        max_dropped_payload=max_dropped,
        max_buffer=config.send_buffer_bytes,
        max_pending_per_peer=config.pending_per_address,
        max_pending_bytes=MAX_PENDING_BYTES,
        frames_per_second=_FRAMES_PER_EVENT * config.events_per_second,
        frames_burst=_FRAMES_PER_EVENT * config.events_per_second * BURST_SECONDS,
        bytes_per_second=config.events_per_second * _MEAN_EVENT_BYTES,
        bytes_burst=max(max_dropped, _BURST_PAYLOADS * config.max_payload_bytes + mean_burst),
    )


class Stores(NamedTuple):
    """The stores of the gateway in Redis."""

    log: LogStore
    rooms: RoomStore
    uploads: Uploads
    media_requests: MediaRequestStream
    presence: PresenceStore
    occupancy: OccupancyStore
    nodes: NodeStore
    user_events: UserEvents
    user_bytes: UserBytes
    moderation: ModerationStore
    inbox: InboxStore
    room_admin: RoomAdminStore
    directory: DirectoryStore
    people: PeopleStore


def make_stores(config: Config, adapter: RedisAdapter) -> Stores:
    """Make the stores over the adapter's connections to Redis."""
    redis, retention_seconds = adapter.backplane, int(config.retention_days * 86_400)
    token = adapter.seals.publisher_token
    retention = Retention(messages=config.log_messages, age_seconds=retention_seconds)
    return Stores(
        LogStore(redis, namespace=NAMESPACE, retention=retention, token=token),
        RoomStore(redis, rooms_per_day=config.rooms_per_day),
        Uploads(redis, retention_seconds=retention_seconds),
        MediaRequestStream(redis),
        PresenceStore(redis, config.node, adapter.incarnation),
        OccupancyStore(redis, config.node, token=token),
        NodeStore(redis, config.node, adapter.incarnation, describe_process()),
        UserEvents(redis, config.node),
        UserBytes(redis, config.daily_bytes),
        ModerationStore(redis),
        InboxStore(redis),
        RoomAdminStore(redis),
        DirectoryStore(redis),
        PeopleStore(redis),
    )


def make_presence(
    adapter: RedisAdapter,
    emitter: Emitter,
    stores: Stores,
    on_node_lost: Callable[[], None],
    now_ms: Callable[[], float],
) -> tuple[OccupancyService, PresenceService, StatusDelivery]:
    """Make the services of occupancy, presence and status delivery, which share the watchers.

    Occupancy and presence also share the set of invisible users.
    """
    watchers, hidden = Watchers(time.monotonic), set[str]()
    occupancy = OccupancyService(
        stores.occupancy, stores.presence, stores.rooms, emitter, watchers, hidden, adapter.background
    )
    delivery = StatusDelivery(watchers, occupancy, emitter)
    presence = PresenceService(
        stores.presence,
        stores.nodes,
        emitter,
        occupancy,
        Activity(time.monotonic),
        watchers,
        delivery,
        hidden,
        adapter.ticker,
        adapter.background,
        lambda: adapter.members.everyone(NAMESPACE),
        on_node_lost,
        now_ms,
    )
    return occupancy, presence, delivery


def make_tickets(config: Config) -> ReconnectTickets:
    """Make the issuer of reconnect tickets, with a key that all gateways of a cluster share."""
    if config.jwt_secret is None:
        return ReconnectTickets(config.redis_url, time.time)
    first, *older = secrets_in(config.jwt_secret.get_secret_value())
    return ReconnectTickets(first, time.time, older=older)


def make_token_keys(config: Config) -> Keys:
    """Make the keys that token signatures are verified with: the shared secret, or a key set."""
    secret = config.jwt_secret
    return JwksKeys(config.jwks_url or "") if secret is None else SharedSecret(secret.get_secret_value())


def make_sessions(
    config: Config,
    adapter: RedisAdapter,
    emitter: Emitter,
    stores: Stores,
    control: ControlPublisher,
    presence: PresenceService,
    tickets: ReconnectTickets,
    verifier: Verifier,
    user_limits: UserLimits,
    daily_bytes: DailyBytes,
    is_banned: Callable[[str], Awaitable[bool]],
) -> Sessions:
    """Make the sign-in: token verification, revocation, expiry and limits."""
    return Sessions(
        adapter,
        verifier,
        stores.rooms,
        emitter,
        user_limits=user_limits,
        daily_bytes=daily_bytes,
        limits={
            "message_bytes": config.message_bytes,
            "upload_bytes": config.upload_bytes,
            "payload_bytes": config.max_payload_bytes,
            "rooms": config.rooms_per_connection,
        },
        issue_ticket=tickets.issue,
        note_sign_in=SignInProfiles(stores.people, control.publish_control, adapter.background).note_sign_in,
        is_banned=is_banned,
        on_open=presence.add_session,
        on_close=presence.remove_session,
    )


class RedisLink:
    """The state of the Redis connection over which the revocations arrive."""

    def __init__(self, adapter: RedisAdapter) -> None:
        self._adapter = adapter

    def is_up(self) -> bool:
        """Return whether commands work, and the channel of revocations is subscribed."""
        return self._adapter.backplane.is_up_for(keys.CONTROL)

    def silent_seconds(self) -> float:
        """Return for how many seconds no published packet has arrived; 0 unless the gateway is deaf."""
        deaf = self._adapter.canary.deaf_seconds(asyncio.get_running_loop().time())
        return deaf + DEAF_SECONDS if deaf else 0.0  # the gateway counts as deaf after DEAF_SECONDS of silence


def make_isolation(
    config: Config,
    adapter: RedisAdapter,
    emitter: Emitter,
    replays: Replays,
    enforcer: SanctionEnforcer,
    session_control: SessionControl,
    catch_up: Callable[[], None],
) -> Isolation:
    """Make the isolation, which stops all delivery after a long cut from Redis until every session is checked."""

    def hold() -> None:
        adapter.hold_rooms()
        emitter.is_held = True
        replays.end_all()
        enforcer.forget_all()  # also revokes the send tickets of the fast path

    async def recheck() -> None:
        enforcer.forget_all()
        await session_control.recheck_all()

    def release() -> None:
        emitter.is_held = False
        adapter.release_rooms()
        catch_up()

    longest_seconds = CUT_TIMEOUTS * config.redis_timeout_seconds
    return Isolation(
        RedisLink(adapter), longest_seconds, hold=hold, recheck=recheck, release=release, clock=time.monotonic
    )


def make_publish_hook(config: Config, metrics: Metrics) -> tuple[PublishHook, HookEndpoint] | None:
    """Make the publish hook and its HTTP client; return None if no hook is configured."""
    settings = config.publish_hook
    if settings is None:
        return None
    endpoint = HookEndpoint(settings)
    circuit = Circuit(time.monotonic, random.random)
    check = partial(check_content, max_bytes=config.message_bytes)
    return PublishHook(settings, endpoint, circuit, metrics, check), endpoint


def make_listener(config: Config, server: Any, metrics: Metrics) -> tuple[Listener, web.AppRunner]:
    """Make the listener for clients, and the aiohttp application behind it."""
    application = web.Application(client_max_size=config.max_payload_bytes + 1024)
    server.attach(application, socketio_path="socket.io")
    if config.dev_login and config.jwt_secret is not None:
        DevLogin(config.jwt_secret.get_secret_value(), config.allowed_origins).add_to(application)
    runner = make_runner(application, logger=HTTP_LOG, handle_signals=False, shutdown_timeout=1.0, lingering_time=1.0)
    return Listener(runner, server.eio, config.host, config.port, metrics.engine.refused, config.tls), runner
