"""The presence service: writes, deliveries and hidden users, with fakes for Redis and the sender."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from roomcast.contract.envelope import PresenceChanges, PresenceRow
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.presence import Presence as PresencePayload
from roomcast.contract.events.presence import PresenceLook, PresenceUsers, Typing
from roomcast.gateway.presence import service as module
from roomcast.gateway.presence.activity import Activity
from roomcast.gateway.presence.delivery import StatusDelivery
from roomcast.gateway.presence.notes import Note
from roomcast.gateway.presence.occupancy import OccupancyService
from roomcast.gateway.presence.service import PresenceService
from roomcast.gateway.presence.watchers import Watchers
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.gateway.stores.nodes import Hold
from roomcast.wire.envelope import pack
from tests.unit.gateway.fakes import refusal
from tests.unit.gateway.presence.fakes import (
    Names,
    Node,
    Occupancy,
    Presence,
    Sender,
    Ticks,
    session_of,
    start_task,
)
from tests.waiting import until


class Gateway:
    """A presence service with fakes around it. It delivers `offline` at once, without the usual delay."""

    def __init__(self) -> None:
        self.store, self.node, self.sender, self.rooms = Presence(), Node(), Sender(), Occupancy()
        self.hidden: set[str] = set()
        self.lost = 0
        self.now_ms = 1_000_000.0
        clock = asyncio.get_running_loop().time
        watchers = Watchers(clock, linger_seconds=0.0)
        self.occupancy = OccupancyService(
            self.rooms, self.store, Names(), self.sender, watchers, self.hidden, start_task
        )
        self.delivery = StatusDelivery(watchers, self.occupancy, self.sender)
        self.sids: list[str] = []
        self.service = PresenceService(
            self.store,
            self.node,
            self.sender,
            self.occupancy,
            Activity(clock),
            watchers,
            self.delivery,
            self.hidden,
            Ticks(),
            start_task,
            lambda: self.sids,
            self._lose,
            lambda: self.now_ms,
        )

    def _lose(self) -> None:
        self.lost += 1

    def add(self, user: str, sid: str = "", status: str = "") -> ChatSession:
        session = session_of(user, sid)
        if status:
            session.set_own_status(status, Note())
        self.service.add_session(session)
        return session

    def receive(self, *rows: tuple[str, str]) -> None:
        self.service.receive_changes(pack(PresenceChanges([PresenceRow(user, status, 1) for user, status in rows])))

    def written(self) -> list[tuple[str, str | None, bool]]:
        """Return `(user, status, is_choice)` of each full state that was written to Redis, in order."""
        return [(row.user, row.status, row.is_choice) for batch in self.store.batches for row in batch.full]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(work) for work in (self.service.run(), self.delivery.run())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def gateway() -> Gateway:
    return Gateway()


async def test_a_new_session_is_written_at_once_and_then_wait_written_returns(gateway: Gateway) -> None:
    async with gateway.running():
        session = gateway.add("ada")
        await gateway.service.wait_written(session)
    assert gateway.written() == [("ada", None, False)]
    assert await gateway.service.is_visible(session)


async def test_a_session_without_a_status_gets_the_status_that_the_user_chose(gateway: Gateway) -> None:
    gateway.store.choices["ada"] = ("busy", "in a call")
    async with gateway.running():
        session = gateway.add("ada")
        await gateway.service.wait_written(session)
        answer = await gateway.service.set_presence(session, PresencePayload())
    assert (session.status, session.note) == ("busy", Note("in a call"))
    assert (answer["status"], answer["note"]) == ("busy", "in a call")


async def test_a_heartbeat_before_the_first_write_waits_for_the_status_that_the_user_chose(gateway: Gateway) -> None:
    gateway.store.choices["ada"] = ("busy", "in a call")
    session = gateway.add("ada")
    heartbeat = asyncio.ensure_future(gateway.service.set_presence(session, PresencePayload()))
    await asyncio.sleep(0)
    async with gateway.running():
        answer = await heartbeat
    assert (answer["status"], answer["note"]) == ("busy", "in a call")


async def test_a_note_alone_keeps_the_status_that_the_user_chose(gateway: Gateway) -> None:
    gateway.store.choices["ada"] = ("invisible", "")
    gateway.store.hidden.add("ada")
    async with gateway.running():
        session = gateway.add("ada")
        await gateway.service.set_presence(session, PresencePayload(note="at lunch"))
        await until(lambda: len(gateway.written()) == 2, "the note")
    assert gateway.written()[1] == ("ada", "invisible", True)
    assert not await gateway.service.is_visible(session)


async def test_a_note_is_shown_until_its_end(gateway: Gateway) -> None:
    async with gateway.running():
        session = gateway.add("ada")
        answer = await gateway.service.set_presence(session, PresencePayload(note="at lunch", until=1_060_000))
        assert (answer["note"], answer["until"]) == ("at lunch", 1_060_000)
        answer = await gateway.service.set_presence(session, PresencePayload(status="busy"))
        assert (answer["status"], answer["note"], answer["until"]) == ("busy", "at lunch", 1_060_000)
        gateway.now_ms = 1_060_000
        answer = await gateway.service.set_presence(session, PresencePayload())
        assert (answer["status"], answer["note"], "until" in answer) == ("busy", "", False)
        await until(lambda: len(gateway.written()) >= 2, "written")
    assert {(row.note, row.until) for batch in gateway.store.batches for row in batch.full if row.note} == {
        ("at lunch", 1_060_000)
    }


async def test_a_note_from_another_device_of_the_user_ends_on_this_device_too(gateway: Gateway) -> None:
    gateway.store.choices["ada"] = ("busy", "in a call", 1_060_000)
    async with gateway.running():
        session = gateway.add("ada")
        answer = await gateway.service.set_presence(session, PresencePayload())
        assert (answer["note"], answer["until"]) == ("in a call", 1_060_000)
        gateway.now_ms = 1_060_001
        answer = await gateway.service.set_presence(session, PresencePayload())
    assert (answer["status"], answer["note"]) == ("busy", "")


async def test_a_query_returns_devices_only_with_the_flag_devices(gateway: Gateway) -> None:
    bob = gateway.add("bob")
    detailed = await gateway.service.query_users(bob, PresenceLook(users=["dan"], devices=True))
    plain = await gateway.service.query_users(bob, PresenceLook(users=["dan"]))
    row = {"status": "online", "last_seen": 7}
    assert (detailed, plain) == (
        {"users": {"dan": {**row, "devices": [{"status": "online", "kind": "web"}]}}},
        {"users": {"dan": row}},
    )


async def test_a_status_given_at_the_sign_in_is_in_the_first_write(gateway: Gateway) -> None:
    async with gateway.running():
        await gateway.service.wait_written(gateway.add("ada", status="invisible"))
    assert gateway.written() == [("ada", "invisible", True)]


async def test_a_hidden_user_leaves_the_rooms_and_sends_no_typing(gateway: Gateway) -> None:
    async with gateway.running():
        session = gateway.add("ada")
        await gateway.service.wait_written(session)
        await gateway.occupancy.enter_room(session, "r")
        session.rooms.add("r")
        await gateway.service.send_typing(session, Typing(room="r", typing=True))
        assert [event for _, event, _ in gateway.sender.take()] == ["typing"]

        gateway.receive(("ada", "offline"))
        await until(lambda: gateway.rooms.rooms["r"] == {}, "the user leaves the room")
        await gateway.service.send_typing(session, Typing(room="r", typing=True))
        assert (session.status, [event for _, event, _ in gateway.sender.sent if event == "typing"]) == (
            "invisible",
            [],
        )

        gateway.receive(("ada", "busy"))
        await until(lambda: gateway.rooms.rooms["r"] == {"ada": "busy"}, "the user is in the room again")
        assert session.status == "busy"


async def test_a_write_that_ends_after_the_disconnect_does_not_hide_the_user(
    gateway: Gateway,
) -> None:
    gateway.store.hidden.add("ada")
    session = gateway.add("ada", status="invisible")
    await gateway.service.remove_session(session)
    async with gateway.running():
        await until(lambda: gateway.written(), "the last choice is written")
    assert gateway.hidden == set()


async def test_a_connection_that_has_ended_cannot_watch_users(gateway: Gateway) -> None:
    """A watch that begins after the end of its connection would never be removed."""
    async with gateway.running():
        bob = gateway.add("bob")
        bob.is_closed = True
        await gateway.service.remove_session(bob)
        assert await refusal(gateway.service.watch_users(bob, PresenceLook(users=["dan"]))) is Code.CONFLICT
        assert gateway.service.watches_of("dan") == []


async def test_each_change_goes_once_to_the_rooms_and_to_the_watching_sessions(gateway: Gateway) -> None:
    async with gateway.running():
        ada, bob = gateway.add("ada"), gateway.add("bob")
        await gateway.service.wait_written(ada)
        await gateway.occupancy.enter_room(ada, "r")
        gateway.rooms.others["r"] = ["cy"]
        await gateway.occupancy.refresh_rooms()
        watched = await gateway.service.watch_users(bob, PresenceLook(users=["dan"]))
        assert watched["users"]["dan"] == {"status": "online", "last_seen": 7}
        gateway.sender.take()
        gateway.receive(("cy", "away"), ("dan", "away"), ("eve", "away"))
        await until(lambda: len(gateway.sender.sent) >= 2, "the changes")
        await gateway.service.unwatch_users(bob, PresenceUsers(users=["dan"]))
        gateway.receive(("dan", "busy"), ("cy", "busy"))
        await until(lambda: len(gateway.sender.sent) >= 3, "the next delivery")
    sent = [(where, row["user"], row["status"]) for where, _, data in gateway.sender.sent for row in data["changes"]]
    assert sorted(sent) == [("r", "cy", "away"), ("r", "cy", "busy"), ("s-bob", "dan", "away")]


async def test_a_failed_write_is_repeated_when_redis_answers_again(gateway: Gateway) -> None:
    gateway.store.is_away = True
    async with gateway.running():
        session = gateway.add("ada", status="busy")
        await until(lambda: gateway.store.failures > 0, "a write has failed")
        gateway.store.is_away = False
        await gateway.service.wait_written(session)
    assert gateway.written() == [("ada", "busy", False)]


async def test_wait_written_raises_unavailable_after_its_timeout(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WRITTEN_SECONDS", 0.02)
    late = Gateway()
    with pytest.raises(RoomcastError, match="has not stored the session") as caught:
        await late.service.wait_written(late.add("ada"))
    assert caught.value.code is Code.UNAVAILABLE


async def test_a_session_that_ends_is_removed_from_presence_and_its_rooms(gateway: Gateway) -> None:
    async with gateway.running():
        session = gateway.add("ada")
        await gateway.service.wait_written(session)
        await gateway.occupancy.enter_room(session, "r")
        session.rooms.add("r")
        await gateway.service.remove_session(session)
        await until(lambda: any(batch.left for batch in gateway.store.batches), "the departure")
    assert [batch.left for batch in gateway.store.batches if batch.left] == [[("ada", "s-ada")]]
    assert gateway.rooms.rooms["r"] == {}


async def test_a_draining_gateway_does_not_change_presence(gateway: Gateway) -> None:
    async with gateway.running():
        session = gateway.add("ada")
        await gateway.service.wait_written(session)
        gateway.service.is_draining = True
        await gateway.service.remove_session(session)
        await gateway.service.wait_written(gateway.add("bob"))
    await gateway.service.retire()
    assert all(not batch.left for batch in gateway.store.batches)
    assert gateway.node.is_retired


async def test_after_a_new_lease_all_states_are_written_again(gateway: Gateway) -> None:
    gateway.node.hold = Hold(is_new=True, holder=None)
    async with gateway.running():
        sessions = [gateway.add(user) for user in ("ada", "bob")]
        for session in sessions:
            await gateway.service.wait_written(session)
        before = len(gateway.written())
        await until(lambda: len(gateway.written()) >= before + 2, "the full states are written again")
    assert {user for user, *_ in gateway.written()[before:]} == {"ada", "bob"}
    assert gateway.lost == 0


async def test_a_node_number_that_another_process_holds_is_reported(gateway: Gateway) -> None:
    gateway.node.lose()
    async with gateway.running():
        await until(lambda: gateway.lost, "lost")


async def test_an_open_connection_counts_as_a_sign_of_life(gateway: Gateway) -> None:
    async with gateway.running():
        session = gateway.add("ada")
        await gateway.service.wait_written(session)
        gateway.sids = [session.sid]
        await until(lambda: any(batch.alive for batch in gateway.store.batches), "a sign of life is written")
    alive = {user for batch in gateway.store.batches for users in batch.alive.values() for user in users}
    assert alive == {"ada"}


async def test_after_a_lost_subscription_all_watched_users_are_queried(gateway: Gateway) -> None:
    bob = gateway.add("bob")
    await gateway.service.watch_users(bob, PresenceLook(users=["dan", "eve"]))
    gateway.store.queries.clear()
    gateway.service.on_resubscribed()
    await until(lambda: gateway.store.queries, "the query")
    assert gateway.store.queries == [["dan", "eve"]]
