"""Joining rooms, leaving them, and being removed from them, with fakes for the log, the adapter and presence."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

import pytest

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.rooms import RoomJoin, RoomLeave, Since
from roomcast.engineio.limits.token_bucket import TokenBucket
from roomcast.gateway.chat.replay import Replays
from roomcast.gateway.chat.room_joins import RoomJoins
from tests.unit.gateway.fakes import (
    EPOCH,
    FakeAccess,
    FakeEmitter,
    FakeLog,
    FakeOccupancy,
    FakeRoute,
    FakeVisibility,
    refusal,
    session_of,
)
from tests.waiting import until

ROOM = "team"
DIRECT_ROOM = "dm:ada:bob"


class Records:
    """Recorded kicks and room lists."""

    def __init__(self) -> None:
        self.kicks: dict[str, int] = {}
        self.listed: list[tuple[str, str]] = []

    async def note_join(self, user: str, person: str, room: str) -> None:
        self.listed.append((user, room))

    async def read_kicks(self, rooms: Mapping[str, Collection[str]]) -> dict[str, dict[str, int]]:
        return {
            room: {user: at for user, at in self.kicks.items() if user in ("*", *users)}
            for room, users in rooms.items()
        }


class Rig:
    """Joins of `ada`, who may enter all rooms here. The log of each room has five messages."""

    def __init__(self, max_rooms: int = 3) -> None:
        self.log, self.route, self.records = FakeLog(), FakeRoute(), Records()
        self.emitter, self.occupancy = FakeEmitter(), FakeOccupancy()
        self.access = FakeAccess(*(("ada", room) for room in (ROOM, DIRECT_ROOM, "other", "third", "fourth")))
        self.replays = Replays(self.log, self.route, buffer_bytes=10_000)
        self.joins = RoomJoins(
            self.route,
            self.log,
            self.records,
            self.access,
            self.emitter,
            self.occupancy,
            FakeVisibility(),
            self.replays,
            max_rooms=max_rooms,
            note_blocks=self._note_blocks,
        )
        self.noted: list[bool] = []
        self.ada = session_of("ada")
        for n in range(5):
            self.log.put(text=str(n))

    async def _note_blocks(self, room: str) -> None:
        """Record whether the session was in the room at the time of the call."""
        self.noted.append(self.occupancy.is_in(self.ada, room))

    async def join(self, room: str = ROOM, *, since: int | None = None, **more: Any) -> dict[str, Any]:
        place = None if since is None else Since(since, EPOCH)
        return await self.joins.join_room(self.ada, RoomJoin(room, place, **more))

    async def replayed(self) -> list[bytes]:
        await until(lambda: not len(self.replays), "the end of the replay")
        return [packet for _, packet in self.route.packets]


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_a_join_answers_with_a_page_and_makes_the_session_a_member(rig: Rig) -> None:
    answer = await rig.join(limit=2)

    assert (answer["recovered"], len(answer["messages"]), answer["more"], answer["seq"]) == (False, 2, True, 5)
    assert rig.route.members == {("sid-ada", ROOM)}
    assert (rig.ada.rooms, rig.ada.joined_at, rig.ada.joining) == ({ROOM}, {ROOM: 1_000}, {})
    assert rig.records.listed == [("ada", ROOM)]
    assert rig.route.acquired[ROOM] == 0


async def test_sessions_in_includes_a_session_from_the_beginning_of_its_join(rig: Rig) -> None:
    """A control message about a closed or created room is applied to the sessions that `sessions_in` returns."""
    rig.access.open_to.clear()
    first, second = asyncio.create_task(rig.join()), asyncio.create_task(rig.join())
    await asyncio.sleep(0)
    assert rig.joins.sessions_in(ROOM) == [rig.ada]
    assert await refusal(first) is Code.FORBIDDEN
    assert rig.joins.sessions_in(ROOM) == [rig.ada]
    assert await refusal(second) is Code.FORBIDDEN
    assert (rig.joins.sessions_in(ROOM), rig.joins.sessions_in("other")) == ([], [])


async def test_joins_above_the_users_free_joins_count_as_more_events_in_every_session(rig: Rig) -> None:
    rig.occupancy.count = 1_000
    free = TokenBucket(0.0, 2.0, 0.0)
    counted = []
    for number in range(4):
        rig.ada = session_of("ada", sid=str(number))
        rig.ada.free_joins = free
        await rig.join(limit=1)
        counted.append(rig.ada.limit.bucket.taken)
    page = counted[0]
    assert counted == pytest.approx([page, page, page + 3, page + 3])


async def test_blocks_are_read_before_and_after_a_session_enters_a_direct_room(rig: Rig) -> None:
    """A control message of a block between the reads finds no session in the room. The second read finds the block."""
    await rig.join(DIRECT_ROOM)
    await rig.join(ROOM)
    assert rig.noted == [False, True]


async def test_a_join_reads_the_log_again_while_it_is_behind_the_live_messages(rig: Rig) -> None:
    rig.route.live = 6
    joining = asyncio.create_task(rig.join(since=3))
    await asyncio.sleep(0)
    rig.log.put(text="live")

    answer = await joining
    assert (answer["recovered"], len(answer["messages"]), answer["seq"]) == (True, 3, 6)


async def test_after_a_refused_join_the_session_is_not_in_the_room(rig: Rig) -> None:
    eve = session_of("eve")

    assert await refusal(rig.joins.join_room(eve, RoomJoin(ROOM))) is Code.FORBIDDEN
    assert (eve.rooms, eve.joining, rig.route.acquired[ROOM], rig.route.members) == (set(), {}, 0, set())


async def test_after_a_failed_join_the_session_is_not_in_the_room(rig: Rig) -> None:
    rig.route.live = 99

    assert await refusal(rig.join()) is Code.UNAVAILABLE
    assert (rig.ada.rooms, rig.ada.joining, rig.route.acquired[ROOM]) == (set(), {}, 0)
    assert not rig.occupancy.is_in(rig.ada, ROOM)


@pytest.mark.parametrize("replay", [False, True])
async def test_a_session_that_leaves_during_its_join_is_not_in_the_room(rig: Rig, replay: bool) -> None:
    joining = asyncio.create_task(rig.join(replay=replay))
    await asyncio.sleep(0)
    await rig.joins.leave_room(rig.ada, RoomLeave(ROOM))

    assert await refusal(joining) is Code.CONFLICT
    assert (rig.ada.rooms, rig.route.members, len(rig.replays)) == (set(), set(), 0)
    assert not rig.occupancy.is_in(rig.ada, ROOM)
    assert rig.route.acquired[ROOM] == 0


@pytest.mark.parametrize("replay", [False, True])
async def test_a_session_that_loses_its_right_during_its_join_is_not_in_the_room(rig: Rig, replay: bool) -> None:
    """The session loses its right, by a ban or a narrower token, after the check and before the end of the join."""
    steps = 0

    def lose_the_right() -> None:
        rig.access.open_to.discard(("ada", ROOM))
        checks.append(asyncio.ensure_future(rig.joins.recheck_sessions([rig.ada])))

    checks: list[asyncio.Future[None]] = []
    joining = asyncio.create_task(rig.join(replay=replay))
    while not rig.route.acquired[ROOM]:
        steps += 1
        assert steps < 100
        await asyncio.sleep(0)
    lose_the_right()

    assert await refusal(joining) is Code.FORBIDDEN
    await checks[0]
    assert (rig.ada.rooms, rig.route.members, len(rig.replays)) == (set(), set(), 0)
    assert not rig.occupancy.is_in(rig.ada, ROOM)


async def test_a_join_succeeds_although_a_leave_has_ended_an_earlier_unfinished_join(rig: Rig) -> None:
    first = asyncio.create_task(rig.join())
    await asyncio.sleep(0)
    await rig.joins.leave_room(rig.ada, RoomLeave(ROOM))
    second = asyncio.create_task(rig.join())

    assert await refusal(first) is Code.CONFLICT
    assert (await second)["seq"] == 5
    assert (rig.ada.rooms, rig.route.members) == ({ROOM}, {("sid-ada", ROOM)})
    assert rig.occupancy.is_in(rig.ada, ROOM)


async def test_a_replay_follows_the_answer_and_then_the_session_becomes_a_member(rig: Rig) -> None:
    answer = await rig.join(since=2, replay=True)
    assert (answer["recovered"], answer["messages"], answer["more"], answer["seq"]) == (True, [], False, 5)
    assert (rig.route.members, rig.route.packets) == (set(), [])

    assert await rig.replayed() == [b"message " + rig.log.entries[seq] for seq in (3, 4, 5)]
    assert rig.route.members == {("sid-ada", ROOM)}
    assert rig.route.acquired[ROOM] == 0


async def test_a_replay_of_a_joined_room_pauses_its_live_messages(rig: Rig) -> None:
    await rig.join()
    joining = asyncio.create_task(rig.join(since=5, replay=True))
    while rig.route.members and not joining.done():
        await asyncio.sleep(0)
    assert rig.route.members == set()
    await joining

    assert await rig.replayed() == []
    assert rig.route.members == {("sid-ada", ROOM)}


async def test_joins_of_one_room_are_answered_in_order_and_only_the_last_join_is_replayed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rig.route, "waiting_bytes", lambda sid: 20_000)  # no packet fits before the last answer
    answered: list[int] = []

    async def join(since: int) -> None:
        await rig.join(since=since, replay=True)
        answered.append(since)

    await asyncio.gather(*(join(since) for since in (4, 1, 2)))
    monkeypatch.setattr(rig.route, "waiting_bytes", lambda sid: 0)
    packets = await rig.replayed()

    assert answered == [4, 1, 2]
    assert packets == [b"message " + rig.log.entries[seq] for seq in (3, 4, 5)]
    assert rig.route.acquired[ROOM] == 0


async def test_concurrent_joins_cannot_exceed_the_limit_of_rooms(rig: Rig) -> None:
    outcomes = await asyncio.gather(
        *(rig.join(room) for room in (ROOM, "other", "third", "fourth", ROOM)), return_exceptions=True
    )

    codes = [outcome.code for outcome in outcomes if isinstance(outcome, RoomcastError)]
    assert codes == [Code.TOO_MANY_ROOMS]
    assert rig.ada.rooms == {ROOM, "other", "third"}


async def test_a_session_is_removed_from_a_room_although_redis_does_not_answer(rig: Rig) -> None:
    await rig.join()
    rig.occupancy.fails = True

    await rig.joins.remove_session(rig.ada, ROOM)
    assert (rig.ada.rooms, rig.ada.joined_at, rig.route.members) == (set(), {}, set())


@pytest.mark.parametrize(
    ("kicks", "change"),
    [
        ({"ada": 1_001}, "removed"),
        ({"*": 1_001}, "closed"),
        ({"ada": 1_000}, None),
        ({"bob": 1_001}, None),
        ({"*": 999, "ada": 999}, None),
    ],
    ids=str,
)
async def test_only_a_kick_after_the_join_removes_the_session(
    rig: Rig, kicks: dict[str, int], change: str | None
) -> None:
    await rig.join()
    rig.records.kicks = kicks
    await rig.joins.recheck_sessions([rig.ada])

    if change is None:
        assert (rig.ada.rooms, rig.emitter.sent) == ({ROOM}, [])
    else:
        assert (rig.ada.rooms, rig.route.members) == (set(), set())
        assert rig.emitter.sent == [("sid-ada", "room", {"room": ROOM, "change": change})]


async def test_a_session_is_removed_from_a_room_that_it_may_no_longer_enter(rig: Rig) -> None:
    await rig.join()
    await rig.join("other")
    rig.access.open_to.discard(("ada", ROOM))
    rig.occupancy.fails = True
    await rig.joins.recheck_sessions([rig.ada])

    assert rig.ada.rooms == {"other"}
    assert rig.emitter.sent == [("sid-ada", "room", {"room": ROOM, "change": "removed"})]
