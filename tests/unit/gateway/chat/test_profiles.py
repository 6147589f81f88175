"""Profiles: reading them, finding people by name, and applying and announcing changes, with fakes for Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

import pytest
from msgspec.structs import replace

from roomcast.contract.envelope import ProfileChanged
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.presence import PresenceUsers
from roomcast.contract.events.users import UserSearch
from roomcast.contract.profile import Profile
from roomcast.gateway.background import repeated_checks
from roomcast.gateway.chat.profiles import People, ProfileChanges, SignInProfiles
from roomcast.gateway.sign_in.identity import Identity
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.wire.tasks import TaskSet
from tests.unit.gateway.fakes import FakeEmitter, FakeVisibility, FakeVoice, session_of, unavailable
from tests.waiting import until

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


class Voice(FakeVoice):
    """A fake that mutes or blocks Ada in the rooms `silent`."""

    def __init__(self, *silent: str) -> None:
        super().__init__()
        self.silent = silent

    def is_unrestricted(self, user: str, room: str) -> bool:
        return room not in self.silent

    async def require_voice(self, user: str, room: str) -> None:
        if room in self.silent:
            raise RoomcastError(Code.FORBIDDEN if room.startswith("dm:") else Code.MUTED)


def changes_of(
    store: Profiles,
    sessions: list[ChatSession],
    emitter: FakeEmitter,
    forgotten: list[str],
    tasks: list[Coroutine[Any, Any, None]],
    visibility: FakeVisibility,
    voice: FakeVoice | None = None,
) -> ProfileChanges:
    def of_user(user: str) -> list[ChatSession]:
        return [session for session in sessions if session.user == user]

    def start(work: Coroutine[Any, Any, None], _: str) -> None:
        tasks.append(work)

    return ProfileChanges(
        store, of_user, emitter, visibility, voice or FakeVoice(), forgotten.append, start, pause_seconds=0
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
    assert emitter.sent == [("s1", "profile", event), ("s2", "profile", event), ("team:red", "profile", event)]


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
    assert [event["name"] for to, _, event in emitter.sent if to == "team:red"] == ["Ada", "Lady Lovelace"]
    changes.receive(ProfileChanged("ada"))
    await tasks.pop()
    assert [to for to, _, _ in emitter.sent] == ["s1", "team:red"] * 3


async def test_a_changed_picture_leaves_the_tickets_of_a_session_valid() -> None:
    store, tasks = Profiles(), list[Coroutine[Any, Any, None]]()
    session = session_of("bob", "team:red")
    session.identity = replace(session.identity, name="Bob")
    session.tickets = {b"team:red": cast("Any", "a ticket")}
    changes_of(store, [session], FakeEmitter(), [], tasks, FakeVisibility()).receive(ProfileChanged("bob"))
    await tasks.pop()
    assert session.tickets.keys() == {b"team:red"}


async def test_a_profile_that_cannot_be_read_is_applied_once_redis_answers() -> None:
    store, emitter, tasks = Profiles(), FakeEmitter(), list[Coroutine[Any, Any, None]]()
    session = session_of("ada", "team:red")
    changes = changes_of(store, [session], emitter, [], tasks, FakeVisibility())
    store.failures = 3
    changes.receive(ProfileChanged("ada"))
    await tasks.pop()
    assert session.identity.name == "Ada"
    assert [to for to, _, _ in emitter.sent] == ["sid-ada", "team:red"]


ROOMS = [f"team:{number}" for number in range(25)]


class Slices:
    """Ada is in 25 rooms, and her profile is being announced. `step` continues until the next pause."""

    def __init__(self, visibility: FakeVisibility | None = None, voice: FakeVoice | None = None) -> None:
        self.store, self.emitter, self.tasks = Profiles(), Emitter(), list[Coroutine[Any, Any, None]]()
        self.session = session_of("ada", *ROOMS, sid="s1")
        self.sessions = [self.session]
        self.changes = changes_of(
            self.store, self.sessions, self.emitter, [], self.tasks, visibility or FakeVisibility(), voice
        )
        self.changes.receive(ProfileChanged("ada"))
        self.task = asyncio.ensure_future(self.tasks.pop())

    async def step(self) -> list[tuple[str, str]]:
        """Return the `(to, name)` of the events that are sent until the next pause."""
        before = len(self.emitter.sent)
        await asyncio.sleep(0)
        return [(to, event["name"]) for to, _, event in self.emitter.sent[before:]]


class Emitter(FakeEmitter):
    """Fails to send to a room while `is_down`."""

    is_down = False

    async def to_room(self, room: str, event: str, data: dict[str, Any], skip: str | None = None) -> None:
        if self.is_down:
            raise unavailable()
        await super().to_room(room, event, data, skip)


async def test_a_profile_is_announced_in_ten_rooms_for_each_pause() -> None:
    """Otherwise one sign-in of a user in thousands of rooms would cause thousands of packets within a second."""
    ada = Slices()
    slices = [await ada.step() for _ in range(3)]
    assert [len(sent) for sent in slices] == [11, 10, 5]
    assert slices[0][0] == ("s1", "Ada")
    assert {to for sent in slices for to, _ in sent} == {"s1", *ROOMS}
    await ada.task


async def test_a_change_between_slices_reaches_the_own_devices_first_and_then_every_room() -> None:
    ada = Slices()
    first = await ada.step()
    ada.store.people["ada"] = ADA._replace(name="Countess")
    ada.changes.receive(ProfileChanged("ada"))
    second = await ada.step()
    assert ada.session.identity.name == "Countess"
    assert second[0] == ("s1", "Countess")
    assert {to for to, _ in first}.intersection(to for to, _ in second) == {"s1"}, (
        "the rooms that still wait come before the rooms of the first slice"
    )
    await ada.task
    last = {to: event["name"] for to, _, event in ada.emitter.sent}
    assert last == dict.fromkeys(["s1", *ROOMS], "Countess")


async def test_rooms_that_the_user_leaves_between_slices_get_no_profile() -> None:
    ada = Slices()
    told = [to for to, _ in await ada.step()]
    kept = next(room for room in ROOMS if room not in told)
    ada.session.rooms.intersection_update([kept])
    assert await ada.step() + await ada.step() == [(kept, "Ada")]
    await ada.task


@pytest.mark.parametrize("does_leave", [False, True])
async def test_a_user_who_becomes_invisible_or_disconnects_between_slices_is_not_announced_further(
    does_leave: bool,
) -> None:
    visibility = FakeVisibility()
    ada = Slices(visibility)
    await ada.step()
    if does_leave:
        ada.sessions.clear()
    else:
        visibility.hidden = ("ada",)
    await ada.task
    assert len(ada.emitter.sent) == 11


async def test_rooms_in_which_the_user_is_muted_or_blocked_get_no_profile() -> None:
    rooms, emitter, tasks = ("dm:ada:bob", "dm:ada:cleo", "team:red", "team:blue"), FakeEmitter(), list[Any]()
    ada = session_of("ada", *rooms, sid="s1")
    silent = Voice("dm:ada:bob", "team:red")
    changes_of(Profiles(), [ada], emitter, [], tasks, FakeVisibility(), silent).receive(ProfileChanged("ada"))
    await tasks.pop()
    assert {to for to, _, _ in emitter.sent} == {"s1", "dm:ada:cleo", "team:blue"}


async def test_the_profile_of_an_operator_is_sent_despite_mutes_and_blocks() -> None:
    emitter, tasks = FakeEmitter(), list[Any]()
    ada = session_of("ada", "dm:ada:bob", "team:red", sid="s1", ops=True)
    silent = Voice("dm:ada:bob", "team:red")
    changes_of(Profiles(), [ada], emitter, [], tasks, FakeVisibility(), silent).receive(ProfileChanged("ada"))
    await tasks.pop()
    assert {to for to, _, _ in emitter.sent} == {"s1", "dm:ada:bob", "team:red"}


async def test_an_announcement_goes_on_with_the_remaining_rooms_once_redis_answers() -> None:
    ada = Slices()
    told = await ada.step()
    ada.emitter.is_down = True
    assert [await ada.step() for _ in range(3)] == [[], [], []]
    ada.emitter.is_down = False
    await ada.task
    sent = [to for to, _, _ in ada.emitter.sent]
    assert sorted(sent) == sorted(["s1", *ROOMS])
    assert sent[: len(told)] == [to for to, _ in told]


async def test_missed_changes_of_names_are_applied() -> None:
    tasks = list[Coroutine[Any, Any, None]]()
    ada, bob, cleo = session_of("ada"), session_of("bob"), session_of("cleo")
    store = Profiles()
    store.people["ada"] = ADA._replace(name="Countess")
    changes = changes_of(store, [ada, bob, cleo], FakeEmitter(), [], tasks, FakeVisibility())
    await changes.apply_missed([ada, bob, cleo])
    [task] = tasks
    await task
    assert [session.identity.name for session in (ada, bob, cleo)] == ["Countess", "Bob", "Cleo"]


class SignIns:
    """A store of sign-ins. The sign-in of a user in `changed` changes the profile."""

    changed = ("ada",)

    async def note_sign_in(self, identity: Identity) -> bool:
        return identity.user in self.changed


async def test_a_changed_profile_is_published_once_redis_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeated_checks, "RETRY_SECONDS", 0.001)
    tasks, attempts, published, is_up = TaskSet(), list[str](), list[str](), [False]

    async def publish(message: ProfileChanged) -> None:
        attempts.append(message.user)
        if not is_up[0]:
            raise unavailable()
        published.append(message.user)

    profiles = SignInProfiles(SignIns(), publish, tasks.start)
    for _ in range(50):
        profiles.note_sign_in(session_of("ada").identity)
    profiles.note_sign_in(session_of("bob").identity)
    await until(lambda: len(attempts) >= 3, "the publication is repeated")
    assert len(tasks) == 1, "the changes of one user share a publication"
    is_up[0] = True
    await until(lambda: not tasks, "the change is published")
    assert set(published) == {"ada"}
    assert len(published) <= 2
