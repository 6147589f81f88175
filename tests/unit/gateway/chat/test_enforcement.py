"""After a changed sanction a gateway handles only the affected sessions: every user can cause a change by a block."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from typing import Any, cast

import pytest

from roomcast.contract.envelope import Sanctioned
from roomcast.contract.ids import people_of
from roomcast.gateway.background import repeated_checks
from roomcast.gateway.chat.enforcement import SanctionEnforcer
from roomcast.gateway.chat.sanctions import Sanctions
from roomcast.gateway.sign_in.session import ChatSession
from tests.unit.gateway.fakes import session_of, unavailable

ROOM = "team"
DIRECT = "dm:ada:bob"


class FakeSanctions:
    """A fake of `Sanctions`. `banned` holds the users who are banned everywhere, `forgotten` the calls of `forget`."""

    def __init__(self) -> None:
        self.banned: set[str] = set()
        self.forgotten: list[tuple[str, str]] = []

    def forget(self, room: str, user: str) -> None:
        self.forgotten.append((room, user))

    async def is_banned_everywhere(self, user: str) -> bool:
        return user in self.banned


class Rig:
    """Sessions of ada (two devices), bob and eve. All sessions except the second of ada are in the room."""

    def __init__(self) -> None:
        self.sessions = [
            session_of("ada", ROOM, DIRECT, "other", sid="phone"),
            session_of("ada", "other", sid="desk"),
            session_of("bob", ROOM, DIRECT, "other", sid="bob"),
            session_of("eve", ROOM, "dm:eve:zoe", sid="eve"),
        ]
        for session in self.sessions:
            session.tickets = {room.encode(): cast("Any", "a ticket") for room in session.rooms}
        self.sanctions, self.tasks = FakeSanctions(), list[Coroutine[Any, Any, None]]()
        self.checked: list[str] = []
        self.failures = 0
        """How many of the next rechecks fail, as if Redis did not answer."""
        self.rechecked: list[tuple[list[str], str]] = []
        self.enforcer = SanctionEnforcer(
            cast("Sanctions", self.sanctions),
            self,
            self,
            self._check,
            self._recheck,
            lambda work, _: self.tasks.append(work),
        )

    def __iter__(self) -> Iterator[ChatSession]:
        raise AssertionError("the code iterates over all sessions")

    def of_user(self, user: str) -> list[ChatSession]:
        return [session for session in self.sessions if session.user == user]

    def sessions_in(self, room: str) -> list[ChatSession]:
        return [session for session in self.sessions if room in session.rooms]

    def direct_rooms(self, user: str) -> list[str]:
        rooms = {room for session in self.sessions for room in session.rooms}
        return sorted(room for room in rooms if user in people_of(room))

    async def receive(self, message: Sanctioned) -> dict[str, set[str]]:
        """Apply a message completely; return the rooms whose tickets it revoked, by session."""
        self.enforcer.receive(message)
        for task in self.tasks:
            await task
        lost = {one.sid: one.rooms - {room.decode() for room in one.tickets or ()} for one in self.sessions}
        return {sid: rooms for sid, rooms in lost.items() if rooms}

    async def _check(self, user: str) -> None:
        self.checked.append(user)

    async def _recheck(self, sessions: list[ChatSession], room: str) -> None:
        if self.failures:
            self.failures -= 1
            raise unavailable()
        self.rechecked.append(([session.sid for session in sessions], room))


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_a_block_revokes_the_tickets_of_the_user_and_of_the_other_person_in_direct_rooms(rig: Rig) -> None:
    lost = await rig.receive(Sanctioned(user="ada"))
    assert lost == {"phone": {ROOM, DIRECT, "other"}, "desk": {"other"}, "bob": {DIRECT}}
    assert (rig.sanctions.forgotten, rig.checked, rig.rechecked) == ([("", "ada")], [], [])


async def test_a_ban_everywhere_checks_all_sessions_of_the_user(rig: Rig) -> None:
    rig.sanctions.banned.add("ada")
    await rig.receive(Sanctioned(user="ada"))
    assert (rig.checked, rig.rechecked) == (["ada"], [])


async def test_a_sanction_in_a_room_rechecks_the_sessions_of_the_user_for_that_room(rig: Rig) -> None:
    assert await rig.receive(Sanctioned(ROOM, "ada")) == {"phone": {ROOM}}
    assert (rig.checked, rig.rechecked) == ([], [(["phone", "desk"], ROOM)])


async def test_a_changed_slow_mode_revokes_the_tickets_of_all_sessions_in_the_room(rig: Rig) -> None:
    assert await rig.receive(Sanctioned(ROOM)) == {"phone": {ROOM}, "bob": {ROOM}, "eve": {ROOM}}
    assert rig.tasks == []


async def test_a_sanction_of_a_user_without_a_session_here_has_no_effect(rig: Rig) -> None:
    assert await rig.receive(Sanctioned(user="max")) == {}
    assert rig.tasks == []


async def test_a_ban_is_applied_when_redis_answers_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeated_checks, "RETRY_SECONDS", 0.001)
    rig.failures = 2
    await rig.receive(Sanctioned(ROOM, "ada"))
    assert rig.rechecked == [(["phone", "desk"], ROOM)]
