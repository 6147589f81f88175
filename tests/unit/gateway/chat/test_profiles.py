"""Profiles: reading them, finding people by name, and applying a back end's changes, with fakes for Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

import pytest
from msgspec.structs import replace

from roomcast.contract.envelope import ProfileChanged
from roomcast.contract.events import PresenceUsers, UserSearch
from roomcast.contract.profile import Profile
from roomcast.gateway.chat.profiles import People, ProfileChanges, pauses_after
from roomcast.gateway.sign_in.session import ChatSession
from tests.unit.gateway.fakes import FakeEmitter, FakeVisibility, session_of, unavailable

ADA = Profile("ada", "Ada", "https://example.com/ada.png", {"team": 7})
BOB = Profile("bob", "Bob", "", {})


class Profiles:
    """The profiles of Ada and Bob."""

    def __init__(self) -> None:
        self.people = {"ada": ADA, "bob": BOB}
        self.failures = 0

    async def read(self, users: list[str]) -> dict[str, Profile]:
        if self.failures:
            self.failures -= 1
            raise unavailable()
        return {user: self.people[user] for user in users if user in self.people}

    async def search(self, query: str, after: str | None, limit: int) -> tuple[list[Profile], str | None]:
        found = [person for person in self.people.values() if person.name.lower().startswith(query.lower())]
        return found[:limit], "next" if len(found) > limit else None


async def test_the_answer_leaves_out_empty_fields_and_unknown_users() -> None:
    answer = await People(Profiles()).read_profiles(session_of("cleo"), PresenceUsers(["bob", "ada", "nobody", "ada"]))
    assert answer == {
        "users": {
            "bob": {"name": "Bob"},
            "ada": {"name": "Ada", "picture": "https://example.com/ada.png", "data": {"team": 7}},
        }
    }


async def test_people_are_found_by_name() -> None:
    answer = await People(Profiles()).search(session_of("cleo"), UserSearch("bo"))
    assert answer == {"people": [{"user": "bob", "name": "Bob"}], "more": False, "after": None}


def changes_of(
    store: Profiles,
    sessions: list[ChatSession],
    emitter: FakeEmitter,
    forgotten: list[str],
    tasks: list[Coroutine[Any, Any, None]],
    visibility: FakeVisibility,
) -> ProfileChanges:
    def of_user(user: str) -> list[ChatSession]:
        return [session for session in sessions if session.user == user]

    return ProfileChanges(
        store, of_user, emitter, visibility, forgotten.append, lambda work, _: tasks.append(work), pause_seconds=0
    )


async def test_the_changed_profile_of_an_invisible_user_is_sent_to_that_users_devices_only() -> None:
    """The event would reveal to the other members that the user is in the room."""
    emitter, tasks = FakeEmitter(), list[Coroutine[Any, Any, None]]()
    inside = session_of("ada", "team:red", sid="s1")
    changes_of(Profiles(), [inside], emitter, [], tasks, FakeVisibility("ada")).receive(ProfileChanged("ada"))
    for task in tasks:
        await task
    assert inside.identity.name == "Ada"
    assert [(to, event) for to, event, _ in emitter.sent] == [("s1", "profile")]


async def test_a_changed_profile_is_applied_to_the_local_sessions_of_its_user() -> None:
    store, emitter = Profiles(), FakeEmitter()
    tasks: list[Coroutine[Any, Any, None]] = []
    forgotten: list[str] = []
    inside, outside = session_of("ada", "team:red", sid="s1"), session_of("ada", sid="s2")
    sessions = [inside, outside, session_of("bob", "team:red")]
    inside.tickets = {b"team:red": cast("Any", "a ticket")}
    changes = changes_of(store, sessions, emitter, forgotten, tasks, FakeVisibility())
    store.people["ada"] = ADA._replace(name="Countess", data={})
    changes.receive(ProfileChanged("ada"))
    changes.receive(ProfileChanged("cleo"))
    assert forgotten == ["ada", "cleo"]
    for task in tasks:
        await task
    assert [session.identity.name for session in sessions] == ["Countess", "Countess", "Bob"]
    assert inside.tickets == {}
    event = {"user": "ada", "name": "Countess", "picture": "https://example.com/ada.png"}
    assert emitter.sent == [("s2", "profile", event), ("team:red", "profile", event)]


async def test_changes_of_a_profile_within_the_pause_are_applied_together() -> None:
    store, emitter, tasks = Profiles(), FakeEmitter(), list[Coroutine[Any, Any, None]]()
    session = session_of("ada", "team:red", sid="s1")
    changes = changes_of(store, [session], emitter, [], tasks, FakeVisibility())
    changes.receive(ProfileChanged("ada"))
    running = asyncio.ensure_future(tasks.pop())
    await asyncio.sleep(0)
    assert session.identity.name == "Ada"
    for name in ("Countess", "Lady Lovelace"):
        store.people["ada"] = ADA._replace(name=name)
        changes.receive(ProfileChanged("ada"))
    await running
    assert tasks == []
    assert session.identity.name == "Lady Lovelace"
    assert [event["name"] for _, _, event in emitter.sent] == ["Ada", "Lady Lovelace"]
    changes.receive(ProfileChanged("ada"))
    await tasks.pop()
    assert len(emitter.sent) == 3


async def test_a_changed_picture_leaves_the_tickets_of_a_session_valid() -> None:
    store, tasks = Profiles(), list[Coroutine[Any, Any, None]]()
    session = session_of("bob", "team:red")
    session.identity = replace(session.identity, name="Bob")
    session.tickets = {b"team:red": cast("Any", "a ticket")}
    changes_of(store, [session], FakeEmitter(), [], tasks, FakeVisibility()).receive(ProfileChanged("bob"))
    await tasks.pop()
    assert session.tickets.keys() == {b"team:red"}


@pytest.mark.parametrize(("rooms", "pauses"), [(0, 1), (10, 1), (25, 2.5), (200, 4)])
def test_the_pause_after_a_change_grows_with_the_rooms_in_which_it_was_announced(rooms: int, pauses: float) -> None:
    assert pauses_after(rooms) == pauses


async def test_a_profile_that_cannot_be_read_is_applied_once_redis_answers() -> None:
    store, emitter, tasks = Profiles(), FakeEmitter(), list[Coroutine[Any, Any, None]]()
    session = session_of("ada", "team:red")
    changes = changes_of(store, [session], emitter, [], tasks, FakeVisibility())
    store.failures = 3
    changes.receive(ProfileChanged("ada"))
    await tasks.pop()
    assert session.identity.name == "Ada"
    assert len(emitter.sent) == 1
