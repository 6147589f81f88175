"""The use cases of moderators and of users who protect themselves: mutes, bans, slow mode, reports, block lists."""

from __future__ import annotations

from typing import Any, Protocol

import orjson

from roomcast.contract.envelope import Sanctioned
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.moderation import (
    MessageReport,
    ReportList,
    ReportResolve,
    RoomSanction,
    RoomSanctions,
    RoomSlow,
)
from roomcast.contract.events.server_events import ROOM
from roomcast.contract.events.users import UserBlock, UserBlocked
from roomcast.contract.page_size import fitting, report_size
from roomcast.contract.texts import MAX_REASON, clean_line
from roomcast.gateway.chat.emitter import Emitter
from roomcast.gateway.chat.ports import AckFields
from roomcast.gateway.chat.room_access import RoomAccess
from roomcast.gateway.chat.sanctions import Sanctions
from roomcast.gateway.operations.daily_bytes import INVITATION_BYTES
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.gateway.stores.inbox import InboxStore
from roomcast.gateway.stores.moderation import ModerationStore
from roomcast.gateway.stores.room_log import LogStore

_CHANGES = {("mute", True): "muted", ("mute", False): "unmuted", ("ban", True): "banned", ("ban", False): "unbanned"}
_ROWS_PER_SANCTION = 50
"""Price of a changed sanction or slow mode in the event limit, in rows (see `EventLimit.charge`). Each gateway with the
room then reads all sanctions of the room again, up to a thousand."""


class SanctionPublisher(Protocol):
    """Publishes control messages to all gateways."""

    async def publish_control(self, message: Sanctioned) -> None:
        """Publish a control message. Raise UNAVAILABLE when Redis fails."""
        ...


class Moderation:
    """Answers `room:sanction`, `room:sanctions`, `room:slow`, `message:report`, `report:*`, `user:block*`."""

    def __init__(
        self,
        store: ModerationStore,
        sanctions: Sanctions,
        access: RoomAccess,
        inbox: InboxStore,
        log: LogStore,
        emitter: Emitter,
        control: SanctionPublisher,
    ) -> None:
        self._store = store
        self._sanctions = sanctions
        self._access = access
        self._inbox = inbox
        self._log = log
        self._emitter = emitter
        self._control = control

    # --- sanctions ---

    async def sanction(self, session: ChatSession, p: RoomSanction) -> AckFields:
        """Answer `room:sanction`. Only operators may sanction the owner; no user may sanction themselves.

        If one of the two users blocks the other, the sanctioned user gets the event only if the room is on that user's
        list. Without this rule, a room's owner could choose a text as the room's id and send it to users who block the
        owner.
        """
        await self._access.require_moderator(session, p.room)
        if p.user == session.user:
            raise RoomcastError(Code.FORBIDDEN, "you cannot sanction yourself")
        session.limit.charge(rows=_ROWS_PER_SANCTION)
        until, by = 0, session.moderating_as
        if p.on:
            until = await self._store.sanction(p.room, p.user, p.kind, p.seconds or 0, by=by)
        else:
            await self._store.lift(p.room, p.user, p.kind, by=by)
        await self._control.publish_control(Sanctioned(p.room, p.user))
        if await self._may_be_told(session, p):
            event: dict[str, Any] = {"room": p.room, "change": _CHANGES[p.kind, p.on], "by": session.user}
            await self._emitter.to_user(p.user, ROOM, {**event, "until": until} if p.on else event)
        return {"room": p.room, "user": p.user, "kind": p.kind, "on": p.on, "until": until}

    async def _may_be_told(self, session: ChatSession, p: RoomSanction) -> bool:
        if session.identity.ops or await self._inbox.find_listed([(p.user, p.room)]):
            return True
        if session.allowance.is_spent:
            return False
        session.allowance.unreported += INVITATION_BYTES
        return not await self._sanctions.hidden_from(session.user, (p.user,))

    async def list_sanctions(self, session: ChatSession, p: RoomSanctions) -> AckFields:
        """Answer `room:sanctions`: the muted and banned users with the end in ms (0: no end), and the slow mode."""
        await self._access.require_moderator(session, p.room)
        async with session.limit.reading():
            found = await self._store.room(p.room)
            session.limit.charge(rows=len(found.muted) + len(found.banned))
        return {"room": p.room, "muted": found.muted, "banned": found.banned, "slow_seconds": found.slow_seconds}

    async def set_slow(self, session: ChatSession, p: RoomSlow) -> AckFields:
        """Answer `room:slow`, and tell the room's members."""
        await self._access.require_moderator(session, p.room)
        session.limit.charge(rows=_ROWS_PER_SANCTION)
        await self._store.set_slow(p.room, p.seconds, by=session.moderating_as)
        await self._control.publish_control(Sanctioned(p.room))
        event = {"room": p.room, "change": "slow", "seconds": p.seconds, "by": session.user}
        await self._emitter.to_room(p.room, ROOM, event)
        return {"room": p.room, "seconds": p.seconds}

    # --- reports ---

    async def report(self, session: ChatSession, p: MessageReport) -> AckFields:
        """Answer `message:report`: store a copy of the message with the reporting user and the reason."""
        await self._access.require_entry(session, p.room)
        entry = await self._log.read_entry(p.room, p.target)
        if entry is None:
            raise RoomcastError(Code.NOT_FOUND, "no such message")
        reason = clean_line(p.reason, MAX_REASON)
        if not reason:
            raise RoomcastError(Code.BAD_REQUEST, "the reason has no visible character")
        if not session.identity.ops:
            await self._store.take_report(session.user)
        report = {"room": p.room, "target": p.target, "by": session.user, "reason": reason, "message": entry.decode()}
        return {"id": await self._store.report(report)}

    async def list_reports(self, session: ChatSession, p: ReportList) -> AckFields:
        """Answer `report:list`: moderators get the open reports of one room, operators also of all rooms."""
        if p.room is None:
            if not session.identity.ops:
                raise RoomcastError(Code.FORBIDDEN)
            found = await self._store.reports(p.after, p.limit + 1)
        else:
            await self._access.require_moderator(session, p.room)
            async with session.limit.reading():
                found, size = await self._store.reports_of(p.room, p.after, p.limit + 1)
                session.limit.charge_page(rows=len(found), size=size)
        reports = fitting(found[: p.limit], report_size)
        return {"reports": reports, "more": len(found) > len(reports)}

    async def resolve_report(self, session: ChatSession, p: ReportResolve) -> AckFields:
        """Answer `report:resolve`. For a report of a room that the session does not moderate, raise NOT_FOUND, too."""
        report = await self._store.find_report(p.id)
        if report is None or not await self._access.moderates(session, report["room"]):
            raise RoomcastError(Code.NOT_FOUND, "no such report")
        if not session.identity.ops and orjson.loads(report["message"]).get("user") == session.user:
            raise RoomcastError(Code.FORBIDDEN, "other moderators and operators resolve reports about your messages")
        await self._store.resolve_report(p.id, report["room"])
        return {"id": p.id}

    # --- block lists ---

    async def block(self, session: ChatSession, p: UserBlock) -> AckFields:
        """Answer `user:block`. The other user gets no event."""
        if p.user == session.user:
            raise RoomcastError(Code.BAD_REQUEST, "you cannot block yourself")
        await (self._store.block if p.on else self._store.unblock)(session.user, p.user)
        await self._control.publish_control(Sanctioned(user=session.user))
        return {"user": p.user, "on": p.on}

    async def list_blocked(self, session: ChatSession, p: UserBlocked) -> AckFields:
        """Answer `user:blocked`."""
        return {"users": sorted(await self._sanctions.blocked_by(session.user))}
