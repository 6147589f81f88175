"""The inboxes of a gateway, with fakes for Redis and for the clients."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Any

import pytest
import pytest_asyncio

from roomcast.contract.errors import Code
from roomcast.contract.events.rooms import InboxList
from roomcast.contract.inbox import Line
from roomcast.contract.keys import activity_channel
from roomcast.engineio.limits.token_bucket import TokenBucket
from roomcast.gateway.inbox import schedule, service
from roomcast.gateway.inbox.catch_up import MAX_LINES
from roomcast.gateway.inbox.followed_rooms import state_of
from roomcast.gateway.inbox.service import InboxService
from roomcast.gateway.sign_in.session import ChatSession
from tests.unit.gateway.fakes import EPOCH, FakeEmitter, line_of, refusal, session_of, unavailable
from tests.waiting import until

LIVE = InboxList(live=True)


class Reads:
    """Lists and lines in memory. The next `fails` reads raise UNAVAILABLE."""

    def __init__(self) -> None:
        self.lists: dict[str, dict[str, str]] = {}
        self.seqs: dict[str, int] = {}
        self.unsettled: set[str] = set()
        self.gone: set[str] = set()
        self.read_rooms: list[str] = []
        self.fails = 0

    def put(self, user: str, *rooms: str) -> None:
        self.lists.setdefault(user, {}).update(dict.fromkeys(rooms, ""))

    async def read_list(self, user: str) -> dict[str, str]:
        return dict(self.lists.get(user, {}))

    async def read_lists(self, users: Sequence[str]) -> list[dict[str, str]]:
        return [await self.read_list(user) for user in users]

    async def find_listed(self, pairs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        return {(user, room) for user, room in pairs if room in self.lists.get(user, {})}

    async def read_lines(self, rooms: Mapping[str, Sequence[str]], *, with_last: bool) -> list[Line]:
        if self.fails:
            self.fails -= 1
            raise unavailable()
        if with_last:
            self.read_rooms += rooms
        return [self.line(room, user) for room, users in rooms.items() for user in users]

    def line(self, room: str, user: str) -> Line:
        seq = self.seqs.get(room, 0)
        flags = {"is_unsettled": room in self.unsettled, "is_gone": room in self.gone}
        return line_of(room, user, seq=seq, unread=seq, active=seq, **flags)

    async def add_entries(self, lines: Sequence[Line]) -> list[Line]:
        return list(lines)

    async def read_states(self, rooms: Sequence[str]) -> list[int]:
        if self.fails:
            self.fails -= 1
            raise unavailable()
        return [state_of(self.seqs.get(room, 0), EPOCH) for room in rooms]

    async def read_seqs(self, rooms: Sequence[str]) -> list[int]:
        return [self.seqs.get(room, 0) for room in rooms]

    async def remove_from_list(self, user: str, room: str) -> None:
        del self.lists[user][room]

    async def names(self, users: list[str]) -> dict[str, str]:
        return {user: user for user in users}


class Channels:
    """Subscriptions that are confirmed at once, or by the test if `is_slow` is set."""

    def __init__(self) -> None:
        self.handlers: dict[str, Callable[[bytes], None]] = {}
        self.is_slow = False
        self.waiting: list[asyncio.Future[None]] = []

    def subscribe(
        self, channel: str, handler: Callable[[bytes], None], unsealed: Callable[[bytes], bool]
    ) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.is_slow:
            self.waiting.append(future)
        else:
            future.set_result(None)
        self.handlers[channel] = handler
        return future

    def unsubscribe(self, channel: str) -> None:
        del self.handlers[channel]

    def announce(self, room: str) -> None:
        self.handlers[activity_channel(room)](b"\x01" + room.encode())


class Access:
    """Every user sees every room, except the `(user, room)` pairs in `closed`."""

    def __init__(self) -> None:
        self.closed: set[tuple[str, str]] = set()

    def may_see(self, session: ChatSession, line: Line) -> bool:
        return (session.user, line.room) not in self.closed


class Devices(FakeEmitter):
    """The clients. Each is already subscribed to the messages of its user."""

    def subscribed(self, user: str) -> asyncio.Future[None] | None:
        return None

    def events(self, sid: str) -> list[dict[str, Any]]:
        return [data for to, event, data in self.sent if (to, event) == (sid, "inbox")]

    def rows(self, sid: str) -> list[tuple[str, Any]]:
        """`(room, unread or "removed")` of all lines sent to a client, in order."""
        rows = [row for event in self.events(sid) for row in event.get("rooms", [])]
        return [(row["room"], "removed" if "removed" in row else row["unread"]) for row in rows]


class Rig:
    def __init__(self) -> None:
        self.reads, self.channels, self.access, self.devices = Reads(), Channels(), Access(), Devices()
        self.inbox = InboxService(
            self.reads, self.reads, self.access, self.channels, self.devices, asyncio.get_running_loop().time
        )
        self.ada, self.bob = session_of("ada"), session_of("bob")

    def write(self, room: str) -> None:
        """Append a message and announce it, as the script does."""
        self.reads.seqs[room] = self.reads.seqs.get(room, 0) + 1
        self.channels.announce(room)

    async def until_sent(self, session: ChatSession, *rows: tuple[str, Any]) -> None:
        await until(lambda: self.devices.rows(session.sid) == list(rows), f"{rows} are sent")


@pytest_asyncio.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    for module, name, seconds in (
        (schedule, "SOON_SECONDS", 0.01),
        (schedule, "SETTLED_SECONDS", 0.3),
        (service, "_PAUSE_SECONDS", 0.001),
        (service, "_RETRY_SECONDS", 0.01),
        (service, "_CONFIRM_SECONDS", 0.05),
    ):
        monkeypatch.setattr(module, name, seconds)
    made = Rig()
    task = asyncio.create_task(made.inbox.run())
    yield made
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_list_is_ordered_and_has_totals(rig: Rig) -> None:
    rig.reads.put("ada", "a", "b", "c", "hidden")
    rig.reads.seqs = {"a": 1, "b": 3, "c": 2, "hidden": 9}
    rig.access.closed = {("ada", "hidden")}
    answer = await rig.inbox.list_inbox(rig.ada, InboxList(limit=2))
    assert [row["room"] for row in answer["rooms"]] == ["b", "c"]
    assert (answer["unread"], answer["mentions"], answer["more"]) == (6, 0, True)
    rest = await rig.inbox.list_inbox(rig.ada, InboxList(limit=2, after=answer["after"]))
    assert [row["room"] for row in rest["rooms"]] == ["a"]
    assert (rest["more"], rest["after"], rig.inbox.rooms) == (False, None, 0)


async def test_a_room_that_was_deleted_is_removed_from_the_list(rig: Rig) -> None:
    rig.reads.put("ada", "a", "b", "c")
    rig.reads.gone = {"a", "b"}
    rig.access.closed = {("ada", "b"), ("ada", "c")}
    assert [row["room"] for row in (await rig.inbox.list_inbox(rig.ada, InboxList()))["rooms"]] == ["a"]
    assert set(rig.reads.lists["ada"]) == {"a", "c"}


async def test_a_long_list_counts_as_several_events(rig: Rig) -> None:
    rig.reads.put("ada", *(f"room{number}" for number in range(500)))
    bucket = rig.ada.limit.bucket = TokenBucket(1.0, 50.0, asyncio.get_running_loop().time())
    for _ in range(3):
        await rig.inbox.list_inbox(rig.ada, InboxList())
    assert await refusal(rig.inbox.list_inbox(rig.ada, LIVE)) is Code.RATE_LIMITED
    assert bucket.level < 11


async def test_followers_of_an_active_room_get_its_line(rig: Rig) -> None:
    rig.reads.put("ada", "a", "b")
    rig.reads.put("bob", "b")
    for session in (rig.ada, rig.bob):
        await rig.inbox.list_inbox(session, LIVE)
    rig.write("a")
    rig.write("b")
    await rig.until_sent(rig.ada, ("a", 1), ("b", 1))
    await rig.until_sent(rig.bob, ("b", 1))
    assert rig.devices.events(rig.ada.sid) == [
        {"rooms": rig.devices.events(rig.ada.sid)[0]["rooms"], "unread": 2, "mentions": 0}
    ]


async def test_messages_within_the_second_after_an_announcement_are_sent_at_the_end_of_that_second(rig: Rig) -> None:
    rig.reads.put("ada", "a")
    await rig.inbox.list_inbox(rig.ada, LIVE)
    rig.write("a")
    await rig.until_sent(rig.ada, ("a", 1))
    rig.reads.seqs["a"] = 5
    await rig.until_sent(rig.ada, ("a", 1), ("a", 5))
    rig.write("a")
    await rig.until_sent(rig.ada, ("a", 1), ("a", 5), ("a", 6))
    await until(lambda: rig.inbox._schedule.next_at() is None, "no read is due")
    assert len(rig.reads.read_rooms) == 3  # the room is not read again without a change


async def test_a_room_announced_shortly_before_it_is_followed_is_read_once_more(rig: Rig) -> None:
    rig.reads.put("ada", "a")
    rig.reads.unsettled = {"a"}
    await rig.inbox.list_inbox(rig.ada, LIVE)
    rig.reads.seqs["a"], rig.reads.unsettled = 1, set()
    await rig.until_sent(rig.ada, ("a", 1))


async def test_rooms_are_followed_while_they_are_on_the_list(rig: Rig) -> None:
    await rig.inbox.list_inbox(rig.ada, LIVE)
    rig.inbox.note_line("bob", "a")  # bob has no live inbox here
    rig.reads.put("ada", "a")
    rig.inbox.note_line("ada", "a")
    await rig.until_sent(rig.ada, ("a", 0))
    rig.write("a")
    await rig.until_sent(rig.ada, ("a", 0), ("a", 1))
    del rig.reads.lists["ada"]["a"]
    rig.inbox.on_access("ada", "a")
    await rig.until_sent(rig.ada, ("a", 0), ("a", 1), ("a", "removed"))
    assert (rig.channels.handlers, rig.inbox.rooms) == ({}, 0)
    assert rig.devices.events(rig.ada.sid)[-1]["unread"] == 0


async def test_a_room_is_removed_while_the_user_may_not_enter_it(rig: Rig) -> None:
    rig.reads.put("ada", "a")
    await rig.inbox.list_inbox(rig.ada, LIVE)
    rig.reads.seqs["a"] = 2
    rig.access.closed = {("ada", "a")}
    rig.inbox.on_access("", "a")
    await rig.until_sent(rig.ada, ("a", "removed"))
    rig.access.closed = set()
    rig.inbox.on_access("ada", "a")
    await rig.until_sent(rig.ada, ("a", "removed"), ("a", 2))


async def test_a_line_is_read_again_once_its_channel_is_confirmed(rig: Rig) -> None:
    await rig.inbox.list_inbox(rig.ada, LIVE)
    rig.reads.put("ada", "a")
    rig.channels.is_slow = True
    rig.inbox.note_line("ada", "a")
    await rig.until_sent(rig.ada, ("a", 0))
    rig.reads.seqs["a"] = 1
    rig.channels.is_slow = False
    rig.channels.waiting[0].set_result(None)
    await rig.until_sent(rig.ada, ("a", 0), ("a", 1))


async def test_a_list_waits_for_its_subscriptions_and_is_unavailable_without_them(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.reads.put("ada", "a")
    rig.channels.is_slow = True
    assert await refusal(rig.inbox.list_inbox(rig.ada, LIVE)) is Code.UNAVAILABLE
    monkeypatch.setattr(service, "_CONFIRM_SECONDS", 30.0)
    listing = asyncio.create_task(rig.inbox.list_inbox(rig.ada, LIVE))
    await until(lambda: len(rig.channels.waiting) == 2, "both subscriptions are requested")
    for _ in range(20):  # run the event loop without waiting
        await asyncio.sleep(0)
    assert not listing.done()
    rig.channels.waiting[1].set_result(None)
    assert len((await listing)["rooms"]) == 1


async def test_the_rooms_of_a_client_that_ends_its_live_inbox_or_disconnects_are_unfollowed(rig: Rig) -> None:
    rig.reads.put("ada", "a", "b")
    await rig.inbox.list_inbox(rig.ada, LIVE)
    assert rig.inbox.rooms == 2
    rig.ada.limit.bucket.level = -1.0  # the live inbox ends although this client exceeds its event limit
    assert await refusal(rig.inbox.list_inbox(rig.ada, InboxList(live=False))) is Code.RATE_LIMITED
    assert (rig.inbox.rooms, rig.channels.handlers) == (0, {})
    rig.ada.limit.bucket.level = rig.ada.limit.bucket.burst

    await rig.inbox.list_inbox(rig.ada, LIVE)
    rig.inbox.on_resubscribed()
    rig.inbox.remove_session(rig.ada)
    rig.inbox.remove_session(rig.ada)
    rig.ada.is_closed = True
    assert await refusal(rig.inbox.list_inbox(rig.ada, LIVE)) is Code.CONFLICT
    assert list(rig.inbox.watchers) == []
    assert (rig.inbox.rooms, rig.channels.handlers) == (0, {})
    rig.reads.put("bob", "a")
    await rig.inbox.list_inbox(rig.bob, LIVE)
    rig.inbox.note_line("ada", "a")
    rig.write("a")
    await rig.until_sent(rig.bob, ("a", 1))
    assert rig.devices.events(rig.ada.sid) == []


async def test_a_second_live_request_follows_the_rooms_of_the_current_list(rig: Rig) -> None:
    rig.reads.put("ada", "a", "b")
    await rig.inbox.list_inbox(rig.ada, LIVE)
    rig.reads.lists["ada"] = {"b": "", "c": ""}
    await rig.inbox.list_inbox(rig.ada, LIVE)
    assert set(rig.channels.handlers) == {activity_channel("b"), activity_channel("c")}


async def test_a_failed_read_is_repeated(rig: Rig) -> None:
    rig.reads.put("ada", "a", "b")
    await rig.inbox.list_inbox(rig.ada, LIVE)
    rig.reads.fails = 3
    rig.write("a")
    rig.inbox.note_line("ada", "b")
    await until(lambda: set(rig.devices.rows(rig.ada.sid)) == {("a", 1), ("b", 0)}, "both lines are sent")


async def caught_up(rig: Rig) -> None:
    """Lose and restore the subscriptions, and wait until all inboxes are compared."""
    before = rig.inbox.read_figures().catch_up_seconds
    rig.inbox.on_resubscribed()
    assert rig.inbox.read_figures().waiting > 0
    await until(lambda: rig.inbox.read_figures().catch_up_seconds > before, "all inboxes are compared")
    assert rig.inbox.read_figures().waiting == 0


async def test_after_a_lost_subscription_clients_get_the_lines_that_changed(rig: Rig) -> None:
    rig.reads.put("ada", "same", "written", "left")
    rig.reads.put("bob", "same", "written")
    for session in (rig.ada, rig.bob):
        await rig.inbox.list_inbox(session, LIVE)
    rig.reads.seqs["written"] = 2  # without an announcement
    del rig.reads.lists["ada"]["left"]
    rig.reads.put("ada", "new")
    await caught_up(rig)
    await until(lambda: len(set(rig.devices.rows(rig.ada.sid))) == 3, "all lines")
    assert set(rig.devices.rows(rig.ada.sid)) == {("written", 2), ("left", "removed"), ("new", 0)}
    assert set(rig.devices.rows(rig.bob.sid)) == {("written", 2)}
    figures = rig.inbox.read_figures()
    assert (figures.live, figures.resets) == (2, 0)
    assert (figures.events, figures.lines) == (
        len(rig.devices.sent),
        sum(len(e["rooms"]) for *_, e in rig.devices.sent),
    )


async def test_after_a_lost_subscription_only_lines_with_unread_messages_are_sent_again(rig: Rig) -> None:
    rig.reads.put("ada", "a", "b")
    rig.reads.seqs["b"] = 3
    await rig.inbox.list_inbox(rig.ada, LIVE)
    await caught_up(rig)
    await rig.until_sent(rig.ada, ("b", 3))  # the user may have read the room on another device
    assert rig.reads.read_rooms == ["b"]


async def test_a_list_request_while_announcements_are_lost_does_not_hide_a_change_from_other_clients(rig: Rig) -> None:
    for session in (rig.ada, rig.bob):
        rig.reads.put(session.user, "a")
    await rig.inbox.list_inbox(rig.ada, LIVE)
    rig.reads.seqs["a"] = 1  # without an announcement
    await rig.inbox.list_inbox(rig.bob, LIVE)
    await caught_up(rig)
    await until(lambda: ("a", 1) in rig.devices.rows(rig.ada.sid), "the line is sent")


async def test_a_failed_comparison_is_repeated(rig: Rig) -> None:
    rig.reads.put("ada", "a")
    await rig.inbox.list_inbox(rig.ada, LIVE)
    rig.reads.seqs["a"], rig.reads.fails = 1, 2
    await caught_up(rig)
    await until(lambda: ("a", 1) in rig.devices.rows(rig.ada.sid), "the line is sent")


async def test_clients_with_many_changes_get_a_reset_at_a_limited_rate(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "RESETS_PER_SECOND", 2)
    sessions = [session_of(f"user{number}") for number in range(3)]
    for session in sessions:
        await rig.inbox.list_inbox(session, LIVE)
        rig.reads.put(session.user, *(f"room{number}" for number in range(MAX_LINES + 1)))
    started = asyncio.get_running_loop().time()
    await caught_up(rig)
    assert asyncio.get_running_loop().time() - started > 0.9  # the third client gets its reset in the next second
    assert {sid for sid, *_ in rig.devices.sent} == {session.sid for session in sessions}
    assert all(data == {"reset": True} for *_, data in rig.devices.sent)
    assert rig.inbox.read_figures().resets == 3


async def test_many_lines_are_sent_in_events_of_a_hundred(rig: Rig) -> None:
    rooms = [f"room{number}" for number in range(150)]
    rig.reads.put("ada", *rooms)
    await rig.inbox.list_inbox(rig.ada, LIVE)
    for room in rooms:
        rig.inbox.note_line("ada", room)
    await until(lambda: len(rig.devices.rows(rig.ada.sid)) == 150, "all lines")
    assert [len(event["rooms"]) for event in rig.devices.events(rig.ada.sid)] == [100, 50]


async def test_a_user_with_many_clients_does_not_delay_the_lines_of_others(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "LINES_PER_SECOND", 1)
    rig.reads.put("ada", "busy")
    rig.reads.put("bob", "quiet")
    clients = [session_of("ada", sid=f"ada-{number}") for number in range(100)]
    for session in (*clients, rig.bob):
        await rig.inbox.list_inbox(session, LIVE)
    rig.write("busy")
    for session in clients:
        await rig.until_sent(session, ("busy", 1))
    rig.write("quiet")
    await rig.until_sent(rig.bob, ("quiet", 1))
    figures = rig.inbox.read_figures()
    assert (figures.events, figures.lines) == (101, 101)
