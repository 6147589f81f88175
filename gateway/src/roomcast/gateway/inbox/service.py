"""Run the inboxes of one gateway: answer `inbox:list`, follow the listed rooms, send `inbox` events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from roomcast.adapter.redis.channel_handlers import take_unsealed
from roomcast.contract.envelope import active_room
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.rooms import InboxList
from roomcast.contract.events.server_events import INBOX
from roomcast.contract.inbox import Line, Row, name_of, page_of, people_in, removed, shown
from roomcast.contract.keys import activity_channel
from roomcast.contract.limits import MAX_LIST
from roomcast.gateway.background.slices import in_slices
from roomcast.gateway.inbox.catch_up import CatchUp
from roomcast.gateway.inbox.counters import InboxFigures
from roomcast.gateway.inbox.followed_rooms import Interest, Watcher, state_of
from roomcast.gateway.inbox.ports import Channels, Devices, InboxReads, LineAccess, RoomLists
from roomcast.gateway.inbox.schedule import Due, Schedule
from roomcast.gateway.sign_in.event_limit import ROWS_PER_EVENT
from roomcast.gateway.sign_in.session import ChatSession

ROOMS_PER_LOOK: Final = 200
LINES_PER_SECOND: Final = 2_000
"""Most lines that a gateway sends per second; a line to several clients of its user counts once. Above that rate,
clients get the newest lines late."""
RESETS_PER_SECOND: Final = 25
"""Clients per second that are told to request their list again. Each of them then reads its whole list."""
ROOMS_PER_EVENT: Final = 25
"""Rooms on a list that count as one event of the client that requests the list."""
_LISTS_AT_ONCE: Final = 8
"""Lists that are read concurrently. To read one list, the gateway sends Redis up to 500 scripts in one write."""
_PAUSE_SECONDS: Final = 0.05
_RETRY_SECONDS: Final = 0.5
_CONFIRM_SECONDS: Final = 2.0

_log = logging.getLogger(__name__)


class InboxService:
    """The inboxes of the clients of one gateway. `clock` returns seconds, as the clock of the event limits does."""

    def __init__(
        self,
        store: InboxReads,
        lists: RoomLists,
        access: LineAccess,
        channels: Channels,
        devices: Devices,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._lists = lists
        self._access = access
        self._channels = channels
        self._devices = devices
        self._clock = clock
        self._interest = Interest()
        self._schedule = Schedule()
        self._personal: set[tuple[str, str]] = set()
        """`(user, room)` pairs: read the room's line again for this user only."""
        self._seen: dict[str, int] = {}
        """Room -> its newest `seq` at the first read, for rooms with a later read scheduled."""
        self._stale: dict[str, Watcher] = {}
        """Session id -> client that must request its list again, because the gateway missed announcements."""
        self._catch_up = CatchUp(self._interest, store, self.note_room, self.note_line, self._note_stale)
        self._figures = InboxFigures(clock)
        self._reads = asyncio.Semaphore(_LISTS_AT_ONCE)
        self._wake = asyncio.Event()

    @property
    def rooms(self) -> int:
        """The number of rooms that are followed for clients here."""
        return self._interest.rooms

    @property
    def watchers(self) -> Iterable[Watcher]:
        """The clients with a live inbox."""
        return self._interest

    def read_figures(self) -> InboxFigures:
        """Return the figures of the inbox for a scrape."""
        self._figures.live = sum(1 for _ in self.watchers)
        self._figures.waiting = self._catch_up.users + len(self._stale)
        return self._figures

    # --- inbox:list ---

    async def list_inbox(self, session: ChatSession, p: InboxList) -> dict[str, Any]:
        """Answer `inbox:list`: a page of the user's rooms, the latest activity first, and the totals of all rooms."""
        if p.live is False:
            self.remove_session(session)
        async with session.limit.reading(), self._reads:
            if p.live:
                session.require_open()  # if the session ended during the wait, its watcher would never be removed
            return await self._list(session, p, self._interest.add_watcher(session) if p.live else None)

    async def _list(self, session: ChatSession, p: InboxList, watcher: Watcher | None) -> dict[str, Any]:
        if watcher is not None:
            await _confirmed([self._devices.subscribed(session.user)])
        listed = await self._store.read_list(session.user)
        session.limit.charge(rows=ROWS_PER_EVENT * len(listed) // ROOMS_PER_EVENT)
        if watcher is not None:
            await self._follow(watcher, listed)
        lines = await self._store.read_lines(dict.fromkeys(listed, (session.user,)), with_last=False)
        lines = await self._visible(session, lines)
        if watcher is not None:
            watcher.record_all(lines)
            self._note_known(lines)
            self._note_unsettled(lines)
        page, more = page_of(lines, p.after, p.limit)
        page = await self._store.add_entries(page)
        names = await self._lists.names(people_in(page))
        unread, mentions = sum(line.unread for line in lines), sum(line.mentions for line in lines)
        if watcher is not None:  # lines may have changed since they were read
            unread, mentions = watcher.unread, watcher.mentions
        return {
            "rooms": [shown(line, name_of(line, names, listed[line.room])) for line in page],
            "more": more,
            "after": page[-1].cursor if more else None,
            "unread": unread,
            "mentions": mentions,
        }

    def _note_known(self, lines: list[Line]) -> None:
        """Record that a client is sent the states of the rooms of these lines."""
        for line in lines:
            watched = self._interest.room(line.room)
            if watched is not None:
                watched.note_known(state_of(line.seq, line.epoch))

    async def _visible(self, session: ChatSession, lines: list[Line]) -> list[Line]:
        """Return the lines of rooms that the session may enter. Remove rooms without data in Redis from the list."""
        visible = [line for line in lines if self._access.may_see(session, line)]
        for line in lines:
            if line.is_gone and not self._access.may_see(session, line):
                await self._lists.remove_from_list(session.user, line.room)
        return visible

    async def _follow(self, watcher: Watcher, rooms: Iterable[str]) -> None:
        """Follow exactly these rooms; return once Redis has confirmed the subscriptions of their activity channels."""
        wanted = set(rooms)
        watcher.session.require_open()  # `remove_session` has removed the watcher of an ended session
        for room in [watched.name for watched in watcher.rooms if watched.name not in wanted]:
            self._unfollow(watcher, room)
        await _confirmed(self._follow_room(watcher, room) for room in wanted)

    def _follow_room(self, watcher: Watcher, room: str) -> asyncio.Future[None]:
        self._interest.follow(watcher, room)
        return self._channels.subscribe(activity_channel(room), self._receive_activity, take_unsealed)

    def _unfollow(self, watcher: Watcher, room: str) -> None:
        channel = self._interest.unfollow(watcher, room)
        if channel is not None:
            self._channels.unsubscribe(channel)

    def remove_session(self, session: ChatSession) -> None:
        """Stop the live inbox of a client. Idempotent."""
        self._stale.pop(session.sid, None)
        for channel in self._interest.remove_watcher(session):
            self._channels.unsubscribe(channel)

    # --- reads to schedule ---

    def _receive_activity(self, data: bytes) -> None:
        self.note_room(active_room(data))

    def note_room(self, room: str) -> None:
        """Schedule a read of a room for all clients that follow it."""
        if self._interest.room(room) is not None:
            self._schedule.note(room, self._clock())
            self._wake.set()

    def note_line(self, user: str, room: str) -> None:
        """Schedule a read of one user's line of a room that may have been added to the user's list, or removed."""
        if self._interest.watchers_of(user):
            self._personal.add((user, room))
            self._wake.set()

    def on_access(self, user: str, room: str) -> None:
        """Schedule a read of a room after a user's right to enter it may have changed; empty `user`: all users."""
        if user:
            self.note_line(user, room)
        else:
            self.note_room(room)

    def on_resubscribed(self) -> None:
        """Compare all rooms and lists with the states that the clients were sent, after a lost subscription."""
        self._catch_up.start()
        self._figures.began()
        self._wake.set()

    def _note_stale(self, watcher: Watcher) -> None:
        self._stale[watcher.session.sid] = watcher

    # --- the loop ---

    async def run(self) -> None:
        """Read the rooms that are due and send the changes, until cancelled. Sleeps while no room is due."""
        while True:
            await self._wait()
            due, self._personal, personal = self._schedule.take(self._clock(), ROOMS_PER_LOOK), set(), self._personal
            sent, pause = 0, _PAUSE_SECONDS
            try:
                sent = await self._send_personal(personal) + await self._send_due(due)
                pause = max(pause, await self._catch_up.step())
            except RoomcastError as error:
                _log.info("an inbox step failed; the next round tries again: %s", error)
                self._personal |= personal
                for room, _ in due:
                    self.note_room(room)
                await asyncio.sleep(_RETRY_SECONDS)
            sent_resets = self._send_resets()
            if not (self._catch_up.is_running or self._stale):
                self._figures.ended()
            await asyncio.sleep(max(pause, sent / LINES_PER_SECOND, sent_resets / RESETS_PER_SECOND))

    async def _wait(self) -> None:
        """Wait until a room or line is due."""
        self._wake.clear()
        while not (self._personal or self._stale or self._catch_up.is_running):
            at = self._schedule.next_at()
            rest = None if at is None else at - self._clock()
            if rest is not None and rest <= 0:
                return
            try:
                async with asyncio.timeout(rest):
                    await self._wake.wait()
                self._wake.clear()
            except TimeoutError:
                return

    async def _send_due(self, due: list[Due]) -> int:
        """Read the rooms that are due, and send their lines; return the number of lines."""
        rooms = await self._without_unchanged(due)
        asked: dict[str, list[str]] = {}
        for room in rooms:
            watched = self._interest.room(room)
            if watched is not None:
                asked[room] = list({watcher.session.user for watcher in watched.watchers})
        lines = await self._store.read_lines(asked, with_last=True)
        self._note_unsettled(lines)
        for line in lines:
            if not self._schedule.is_settled(line.room):
                self._seen[line.room] = line.seq
        sent = await self._send(lines)
        for line in lines:
            watched = self._interest.room(line.room)
            if watched is not None:
                watched.told = state_of(line.seq, line.epoch)
        return sent

    def _note_unsettled(self, lines: list[Line]) -> None:
        """Schedule a later read of rooms that were announced less than a second before this read."""
        for line in lines:
            if line.is_unsettled and self._schedule.is_settled(line.room):
                self._schedule.note_unsettled(line.room, self._clock())
                self._wake.set()

    async def _without_unchanged(self, due: list[Due]) -> list[str]:
        """Return the due rooms, except rooms without a new entry since their first read."""
        known = {room: self._seen.pop(room) for room, is_last in due if is_last and room in self._seen}
        seqs = await self._store.read_seqs(list(known)) if known else []
        unchanged = {room for room, seq in zip(known, seqs, strict=True) if known[room] == seq}
        return [room for room, _ in due if room not in unchanged]

    async def _send_personal(self, pairs: set[tuple[str, str]]) -> int:
        """Read lines of single users; follow rooms that are new on a list, and unfollow rooms that left a list."""
        if not pairs:
            return 0
        listed = await self._store.find_listed(pairs)
        for user, room in pairs - listed:
            for watcher in self._interest.watchers_of(user):
                self._unfollow(watcher, room)
                self._send_rows([watcher], [removed(room)])
        asked: dict[str, list[str]] = {}
        for user, room in listed:
            for watcher in self._interest.watchers_of(user):
                subscribed = self._follow_room(watcher, room)
                if not subscribed.done():  # read again after the confirmation: earlier announcements are missed
                    subscribed.add_done_callback(partial(self._note_confirmed, user, room))
            asked.setdefault(room, []).append(user)
        lines = await self._store.read_lines(asked, with_last=True)
        self._note_unsettled(lines)
        self._note_known(lines)
        return await self._send(lines)

    def _note_confirmed(self, user: str, room: str, subscribed: asyncio.Future[None]) -> None:
        if not subscribed.cancelled() and subscribed.exception() is None:
            self.note_line(user, room)

    async def _send(self, lines: list[Line]) -> int:
        """Send each line to the clients of its user; return the number of lines.

        The clients of a user usually get the same event. It is made once, and its lines count once: otherwise a user
        with many clients and messages would delay the lines of all others.
        """
        names = await self._lists.names(people_in(lines))
        rows: dict[Watcher, list[Row]] = {}
        for line in lines:
            row, gone = shown(line, name_of(line, names)), removed(line.room)
            for watcher in self._interest.watchers_of(line.user):
                is_open = self._access.may_see(watcher.session, line)
                watcher.record(line.room, line.unread if is_open else 0, line.mentions if is_open else 0)
                rows.setdefault(watcher, []).append(row if is_open else gone)
        groups = _grouped(rows)
        async for watchers, changed in in_slices(groups):
            for start in range(0, len(changed), MAX_LIST):
                self._send_rows(watchers, changed[start : start + MAX_LIST])
        return sum(len(changed) for _, changed in groups)

    def _send_rows(self, watchers: list[Watcher], rows: list[Row]) -> None:
        """Send rows to clients of one user that have the same totals."""
        event = {"rooms": rows, "unread": watchers[0].unread, "mentions": watchers[0].mentions}
        self._devices.to_sessions([watcher.session.sid for watcher in watchers], INBOX, event)
        self._figures.told(len(rows), len(watchers))

    def _send_resets(self) -> int:
        """Tell some of the stale clients to request their lists again; return the number of these clients."""
        sids = list(self._stale)[:RESETS_PER_SECOND]
        for sid in sids:
            del self._stale[sid]
        if sids:
            self._devices.to_sessions(sids, INBOX, {"reset": True})
            self._figures.reset(len(sids))
        return len(sids)


def _grouped(rows: dict[Watcher, list[Row]]) -> list[tuple[list[Watcher], list[Row]]]:
    """Group the clients that get the same rows and have the same totals. Rows of different users are never the same."""
    groups: dict[tuple[int, ...], tuple[list[Watcher], list[Row]]] = {}
    for watcher, changed in rows.items():
        key = watcher.unread, watcher.mentions, *map(id, changed)
        groups.setdefault(key, ([], changed))[0].append(watcher)
    return list(groups.values())


async def _confirmed(subscriptions: Iterable[asyncio.Future[None] | None]) -> None:
    """Wait until Redis has confirmed the subscriptions; raise UNAVAILABLE after a time limit."""
    wanted = {one for one in subscriptions if one is not None}
    if wanted:
        done, open_ones = await asyncio.wait(wanted, timeout=_CONFIRM_SECONDS)
        if open_ones or any(one.exception() is not None for one in done):
            raise RoomcastError(Code.UNAVAILABLE, "Redis has not confirmed the channels of the inbox in time")
