"""The composition root of a gateway: make all parts, and connect each part with the parts that it needs."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from functools import partial

from roomcast.contract.envelope import Sanctioned
from roomcast.engineio import Refusal
from roomcast.gateway.background.repeated_checks import RepeatedChecks, until_answered
from roomcast.gateway.chat.block_effects import BlockEffects
from roomcast.gateway.chat.custom_events import CustomEvents
from roomcast.gateway.chat.emitter import NAMESPACE, Emitter
from roomcast.gateway.chat.enforcement import SanctionEnforcer
from roomcast.gateway.chat.fast_path import MessageFastPath
from roomcast.gateway.chat.mentions import Mentions
from roomcast.gateway.chat.messages import Chat
from roomcast.gateway.chat.moderation import Moderation
from roomcast.gateway.chat.namespace import ChatNamespace, Handler, SessionHooks
from roomcast.gateway.chat.profiles import People, ProfileChanges
from roomcast.gateway.chat.replay import Replays
from roomcast.gateway.chat.room_access import RoomAccess
from roomcast.gateway.chat.room_admin import RoomAdmin, RoomChanges
from roomcast.gateway.chat.room_channels import RoomChannels
from roomcast.gateway.chat.room_joins import RoomJoins
from roomcast.gateway.chat.rooms import Rooms
from roomcast.gateway.chat.sanctions import Sanctions
from roomcast.gateway.config import Config
from roomcast.gateway.inbox.service import InboxService
from roomcast.gateway.media.requests import MediaRequests
from roomcast.gateway.media.use_cases import MediaUseCases
from roomcast.gateway.operations.admission import AdmissionQueue
from roomcast.gateway.operations.admission_control import STARTING, AdmissionControl
from roomcast.gateway.operations.cordon import CORDONED, Cordon
from roomcast.gateway.operations.daily_bytes import DailyBytes
from roomcast.gateway.operations.drain import Drain
from roomcast.gateway.operations.lag import LagProbe
from roomcast.gateway.operations.metrics import Metrics
from roomcast.gateway.operations.node_claim import NodeClaim
from roomcast.gateway.operations.user_limits import UserLimits
from roomcast.gateway.part_factories import (
    make_adapter,
    make_isolation,
    make_listener,
    make_presence,
    make_publish_hook,
    make_server,
    make_sessions,
    make_stores,
    make_tickets,
    make_token_keys,
)
from roomcast.gateway.sign_in.control_messages import ControlPublisher, SessionControl
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.gateway.sign_in.verifier import Verifier


class Parts:
    """The parts of one gateway. `stopping` is set when the gateway ends; `give_up` ends the gateway with an error."""

    def __init__(self, config: Config, stopping: asyncio.Event, give_up: Callable[[], None]) -> None:
        self.config = config
        self._stopping = stopping
        self._give_up = give_up
        self.metrics = Metrics()
        self.adapter = make_adapter(config, self.metrics)
        self.server = make_server(config, self.adapter, self.metrics)
        self.stores = make_stores(config, self.adapter)
        self._make_sign_in()
        self._make_joins()
        self._make_control()
        self._make_rooms()
        self._make_chat()
        self._make_edge()

    def _make_sign_in(self) -> None:
        """Make presence, the limits of users, and the sign-in."""
        config = self.config
        self.emitter = Emitter(self.adapter)
        self.occupancy, self.presence, self.status_delivery = make_presence(
            self.adapter, self.emitter, self.stores, self._give_up, lambda: self.sessions.now_ms()
        )
        self.tickets = make_tickets(config)
        self.token_keys = make_token_keys(config)
        verifier = Verifier(
            self.token_keys,
            audience=config.jwt_audience,
            issuer=config.jwt_issuer,
            on_refusal=self.metrics.token_refused,
        )
        self.user_limits = UserLimits(
            config.events_per_second,
            time.monotonic,
            lambda: self.adapter.canary.take_late_seconds(),
            rooms_per_connection=config.rooms_per_connection,
        )
        self.daily_bytes = DailyBytes(time.monotonic)
        self.sanctions = Sanctions(self.stores.moderation, lambda: self.sessions.now_ms())
        self.control = ControlPublisher(self.adapter, self.sanctions.forget)
        self.sessions = make_sessions(
            config,
            self.adapter,
            self.emitter,
            self.stores,
            self.control,
            self.presence,
            self.tickets,
            verifier,
            self.user_limits,
            self.daily_bytes,
            self.sanctions.is_banned_everywhere,
        )

    def _make_joins(self) -> None:
        """Make room access, joining and replays."""
        config = self.config
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
            note_blocks=lambda room: self.block_effects.note_blocks(room),
        )

    def _make_control(self) -> None:
        """Make the parts that apply control messages to sessions, and the isolation, which applies missed messages."""
        self.profile_changes = ProfileChanges(
            self.stores.people,
            self.sessions.of_user,
            self.emitter,
            self.presence,
            self.sanctions,
            self.stores.rooms.forget_name,
            self.adapter.background,
        )
        self.session_control = SessionControl(
            self.adapter,
            self.sessions,
            self.stores.rooms,
            self.emitter,
            self.joins,
            is_banned=self.sanctions.is_banned_everywhere,
            on_sanctioned=self._apply_sanction,
            on_kicked=lambda message: self.inbox.on_access(message.user, message.room),
            on_order=lambda order: self.cordon.receive(order),
            on_room_changed=RoomChanges(
                self.stores.room_admin, self.occupancy.sessions_in, self.emitter, self.adapter.background
            ).receive,
            on_profile_changed=self.profile_changes.receive,
        )
        self.enforcer = SanctionEnforcer(
            self.sanctions,
            self.sessions,
            self.occupancy,
            self.session_control.check_revocations,
            self.joins.recheck_sessions,
            self.adapter.background,
        )
        self.block_checks = RepeatedChecks(self.adapter.background)
        self.isolation = make_isolation(
            self.config, self.adapter, self.emitter, self.replays, self.enforcer, self.session_control, self.catch_up
        )

    def _make_rooms(self) -> None:
        """Make inboxes, and the use cases of rooms and people."""
        self.inbox = InboxService(
            self.stores.inbox, self.stores.rooms, self.access, self.adapter, self.emitter, time.monotonic
        )
        self.emitter.on_line_changed = self.inbox.note_line
        self.room_admin = RoomAdmin(
            self.stores.room_admin,
            self.stores.rooms,
            self.stores.inbox,
            self.access,
            self.occupancy,
            self.stores.directory,
            self.control,
            self.adapter.background,
        )
        self.rooms = Rooms(
            self.stores.rooms,
            self.access,
            self.emitter,
            self.occupancy,
            self.presence,
            self.control,
            self.sanctions.hidden_from,
            self.room_admin.list_members,
            self.stores.directory,
            self.stores.people,
            self.sanctions,
        )
        self.people = People(self.stores.people)

    def _apply_sanction(self, message: Sanctioned) -> None:
        self.enforcer.receive(message)
        if message.user and not message.room:
            self.block_checks.start(message.user, partial(self.block_effects.apply_blocks, message.user), "blocks")
        if message.user and message.room:
            self.inbox.on_access(message.user, message.room)

    def _make_chat(self) -> None:
        """Make messages, moderation and media requests."""
        config = self.config
        self.fast_path = MessageFastPath(
            self.server.eio,
            self.stores.log,
            self.metrics,
            seen=self.presence.mark_seen,
            detour=self.server.take_packet,
            max_message_bytes=config.message_bytes,
        )
        hook = make_publish_hook(config, self.metrics)
        self.hook_endpoint = hook and hook[1]
        self.chat = Chat(
            self.stores.log,
            self.access,
            self.stores.uploads.read_verified,
            self.rooms.announce_direct_room,
            self.fast_path.issue_ticket,
            self.sanctions,
            Mentions(self.stores.inbox).require_readers,
            max_message_bytes=config.message_bytes,
            review=hook and hook[0],
        )
        self.moderation = Moderation(
            self.stores.moderation,
            self.sanctions,
            self.access,
            self.stores.inbox,
            self.stores.log,
            self.emitter,
            self.control,
        )
        self.block_effects = BlockEffects(self.presence, self.sanctions, self.occupancy)
        self.custom_events = CustomEvents(self.emitter, self.sanctions, self.presence)
        self.media_requests = MediaRequests(self.stores.media_requests, config.node, lambda: secrets.token_urlsafe(12))
        self.media = MediaUseCases(self.media_requests, self.stores.uploads, self.access)

    def _make_edge(self) -> None:
        """Make the parts that face the clients: the namespace, admission, the listener and the drain."""
        config = self.config
        self.namespace = ChatNamespace(
            SessionHooks(self.sessions.sign_in, self._sign_out),
            self._handlers(),
            self.metrics,
            self.presence.mark_seen,
            lambda: self.isolation.is_isolated,
        )
        self.server.register_namespace(self.namespace)
        self.server.answer_faults(self.namespace)
        self.admission = AdmissionControl(AdmissionQueue(time.monotonic), self._refusal_of_all, self.tickets.is_valid)
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
        self.cordon = Cordon(
            config.node, self._move_clients, self.stores.nodes.tell_state, self.metrics.drain, self.adapter.background
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
            "inbox:list": self.inbox.list_inbox,
            "room:directory": self.room_admin.list_public,
            "room:info": self.room_admin.read_info,
            "room:update": self.room_admin.update,
            "room:transfer": self.room_admin.transfer,
            "room:close": self.room_admin.close,
            "room:quit": self.room_admin.quit,
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
            "room:emit": self.custom_events.emit_to_room,
            "user:block": self.moderation.block,
            "user:blocked": self.moderation.list_blocked,
            "user:profiles": self.people.read_profiles,
            "user:search": self.people.search,
            "typing": self.block_effects.send_typing,
            "receipt:read": self.rooms.mark_read,
            "presence": self.presence.set_presence,
            "presence:query": self.block_effects.query_users,
            "presence:watch": self.block_effects.watch_users,
            "presence:unwatch": self.presence.unwatch_users,
            "media:sign": self.media.sign_upload,
            "media:complete": self.media.complete_upload,
            "media:url": self.media.sign_download,
            "auth:refresh": self.session_control.refresh_token,
        }

    # --- callbacks between parts ---

    async def _sign_out(self, session: ChatSession) -> None:
        """Forget a session whose connection has ended."""
        self.inbox.remove_session(session)
        await self.sessions.sign_out(session)

    def catch_up(self) -> None:
        """Read block lists, presence, names and inboxes again."""
        self.occupancy.distrust_rooms()
        self.adapter.background(self._catch_up_presence(), "presence, again")
        names = partial(self.profile_changes.apply_missed, self.sessions)
        self.adapter.background(until_answered(names), "names, again")
        self.inbox.on_resubscribed()

    async def _catch_up_presence(self) -> None:
        """Read the block lists again, then presence, so that no user gets the presence of a user who blocks them."""
        await until_answered(self.block_effects.apply_all_blocks)
        self.presence.on_resubscribed()

    def _record_lag(self, lag: float, busy: float) -> None:
        self.metrics.loop.record(lag, busy)
        self.user_limits.record_busy(busy)

    def _refusal_of_all(self) -> Refusal | None:
        """Return why no new session may begin here, or None."""
        if not self.claim.is_held:
            return STARTING
        return CORDONED if self.cordon.is_on else None

    async def _move_clients(self) -> None:
        """Move all clients to other gateways by an operator's order. Keep their presence until they reconnect there."""
        self.presence.is_draining = True
        await self.drain.move_clients()
        self.presence.is_draining = self._stopping.is_set()

    def _announce_drain(self, within_seconds: float) -> None:
        sids = list(self.adapter.members.everyone(NAMESPACE))
        self.emitter.to_sessions(sids, "drain", {"within_seconds": within_seconds})
