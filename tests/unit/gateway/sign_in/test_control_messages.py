"""Control messages, such as kicks and revocations, with fakes for the sessions and for Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any, cast

import pytest

from roomcast.adapter.redis.channel_handlers import Unsealed
from roomcast.contract.envelope import (
    ControlMessage,
    Disconnected,
    Kicked,
    NodeOrder,
    ProfileChanged,
    Revoked,
    RoomChanged,
    RoomCreated,
    Sanctioned,
)
from roomcast.contract.errors import RoomcastError
from roomcast.contract.events.sign_in import AuthRefresh
from roomcast.gateway.background import repeated_checks
from roomcast.gateway.sign_in.control_messages import ControlPublisher, SessionControl
from roomcast.gateway.sign_in.identity import Identity
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.wire.envelope import pack
from roomcast.wire.tasks import TaskSet
from tests.unit.gateway.fakes import FakeEmitter, session_of, unavailable
from tests.waiting import until

ROOM = "team"


class Channel:
    """The adapter's subscriptions and background tasks."""

    def __init__(self) -> None:
        self.tasks = TaskSet()
        self.handlers: dict[str, Callable[[bytes], None]] = {}

    def subscribe(self, channel: str, handler: Callable[[bytes], None], unsealed: Unsealed) -> None:
        self.handlers[channel] = handler

    def background(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        self.tasks.start(work, name)


class SignedIn:
    """The sessions of this gateway."""

    def __init__(self, *sessions: ChatSession) -> None:
        self.sessions = list(sessions)
        self.refreshed: list[str] = []
        self.changes: list[str] = []

    def __iter__(self) -> Iterator[ChatSession]:
        return iter(list(self.sessions))

    def of_user(self, user: str) -> list[ChatSession]:
        return [session for session in self.sessions if session.user == user]

    def note_change(self, user: str = "") -> None:
        self.changes.append(user)

    async def refresh_token(self, session: ChatSession, p: AuthRefresh) -> dict[str, Any]:
        self.refreshed.append(p.token)
        return {"expires": 7}

    async def disconnect_session(self, session: ChatSession) -> None:
        self.sessions.remove(session)


class Revocations:
    """The revocations in Redis. The next `failures` look-ups raise UNAVAILABLE."""

    def __init__(self) -> None:
        self.revoked: set[str] = set()
        self.failures = 0

    async def is_revoked(self, identity: Identity) -> bool:
        if self.failures:
            self.failures -= 1
            raise unavailable()
        return not self.revoked.isdisjoint({identity.user, identity.token_id, identity.session_id})


class Membership:
    """The rooms of the sessions. The next `failures` rechecks raise UNAVAILABLE."""

    def __init__(self) -> None:
        self.rechecked: list[list[str]] = []
        self.failures = 0
        self.sessions: list[ChatSession] = []

    def sessions_in(self, room: str) -> list[ChatSession]:
        return [session for session in self.sessions if room in session.rooms or room in session.joining]

    async def remove_session(self, session: ChatSession, room: str) -> None:
        session.rooms.discard(room)

    async def recheck_sessions(self, sessions: Iterable[ChatSession], only: str = "") -> None:
        if self.failures:
            self.failures -= 1
            raise unavailable()
        self.rechecked.append([session.sid for session in sessions])


class Rig:
    """Sessions of ada (phone and desk), bob and eve. The phone and bob are in the room."""

    def __init__(self) -> None:
        self.phone = session_of("ada", ROOM, sid="phone", token_id="t1", session_id="s1")
        self.desk = session_of("ada", sid="desk", token_id="t2", session_id="s1")
        self.bob = session_of("bob", ROOM, sid="bob")
        self.eve = session_of("eve", sid="eve")
        self.signed_in = SignedIn(self.phone, self.desk, self.bob, self.eve)
        self.channel, self.revocations, self.membership = Channel(), Revocations(), Membership()
        self.membership.sessions = self.signed_in.sessions
        self.emitter = FakeEmitter()
        self.banned: set[str] = set()
        self.sanctioned: list[Sanctioned] = []
        self.orders: list[NodeOrder] = []
        self.kicked: list[Kicked] = []
        self.changed: list[RoomChanged] = []
        self.profiles: list[ProfileChanged] = []
        self.control = SessionControl(
            self.channel,
            self.signed_in,
            self.revocations,
            self.emitter,
            self.membership,
            is_banned=self._is_banned,
            on_sanctioned=self.sanctioned.append,
            on_order=self.orders.append,
            on_kicked=self.kicked.append,
            on_room_changed=self.changed.append,
            on_profile_changed=self.profiles.append,
        )
        self.control.subscribe()

    async def _is_banned(self, user: str) -> bool:
        return user in self.banned

    async def publish(self, message: ControlMessage) -> None:
        self.channel.handlers["control"](pack(message))
        await until(lambda: not len(self.channel.tasks), "the message is applied")

    @property
    def remaining(self) -> list[str]:
        return [session.sid for session in self.signed_in]


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setattr(repeated_checks, "RETRY_SECONDS", 0.001)
    return Rig()


async def test_a_kick_does_not_remove_a_user_who_joined_after_the_kick(rig: Rig) -> None:
    rig.phone.joined_at[ROOM] = 200
    await rig.publish(Kicked(ROOM, "ada", before=100))
    assert ROOM in rig.phone.rooms
    await rig.publish(Kicked(ROOM, "ada", before=201))
    assert ROOM not in rig.phone.rooms
    assert [event for event in rig.emitter.sent if event[0] == "desk"] == [], "the device was not in the room"


async def test_a_kick_removes_all_devices_of_the_user_and_sends_them_an_event(rig: Rig) -> None:
    await rig.publish(Kicked(ROOM, "ada"))

    assert (rig.phone.rooms, rig.bob.rooms) == (set(), {ROOM})
    event = {"room": ROOM, "change": "removed"}
    assert rig.emitter.sent == [("phone", "room", event), ("desk", "room", event)]


async def test_a_disconnected_message_disconnects_all_devices_of_the_user(rig: Rig) -> None:
    await rig.publish(Disconnected("ada"))
    assert rig.remaining == ["bob", "eve"]


async def test_a_closed_room_is_announced_to_its_sessions_and_to_sessions_that_are_joining(rig: Rig) -> None:
    rig.desk.begin_join(ROOM)
    await rig.publish(Kicked(ROOM, closed=True))

    assert [(to, data["change"]) for to, _, data in rig.emitter.sent] == [
        ("phone", "closed"),
        ("desk", "closed"),
        ("bob", "closed"),
    ]


@pytest.mark.parametrize(
    ("message", "revoked", "remaining"),
    [
        (Revoked(user="ada"), "ada", ["bob", "eve"]),
        (Revoked(token="t1"), "t1", ["desk", "bob", "eve"]),
        (Revoked(session="s1"), "s1", ["bob", "eve"]),
        (Revoked(session="s1"), "t1", ["desk", "bob", "eve"]),
        (Revoked(session="s2"), "s1", ["phone", "desk", "bob", "eve"]),
        (Revoked(), "bob", ["phone", "desk", "eve"]),
        (Revoked(user="ada"), "bob", ["phone", "desk", "bob", "eve"]),
    ],
    ids=str,
)
async def test_a_revocation_disconnects_only_the_sessions_that_it_names(
    rig: Rig, message: Revoked, revoked: str, remaining: list[str]
) -> None:
    rig.revocations.revoked.add(revoked)
    await rig.publish(message)

    assert rig.remaining == remaining


async def test_a_revocation_is_checked_again_until_redis_answers(rig: Rig) -> None:
    rig.revocations.revoked.add("ada")
    rig.revocations.failures = 5
    await rig.publish(Revoked(user="ada"))

    assert rig.remaining == ["bob", "eve"]


async def test_recheck_all_checks_every_session_when_redis_answers_again(rig: Rig) -> None:
    rig.revocations.revoked.add("t2")
    rig.revocations.failures = 3
    await asyncio.wait_for(rig.control.recheck_all(), 5)

    assert rig.remaining == ["phone", "bob", "eve"]
    assert rig.membership.rechecked == [["phone", "bob", "eve"]]


async def test_a_token_refresh_rechecks_the_rooms_of_the_session(rig: Rig) -> None:
    assert await rig.control.refresh_token(rig.phone, AuthRefresh("a token")) == {"expires": 7}
    assert (rig.signed_in.refreshed, rig.membership.rechecked) == (["a token"], [["phone"]])


async def test_after_a_token_refresh_without_redis_the_rooms_are_rechecked_later(rig: Rig) -> None:
    rig.membership.failures = 3
    with pytest.raises(RoomcastError):
        await rig.control.refresh_token(rig.phone, AuthRefresh("a token"))
    assert rig.membership.rechecked == []
    await until(lambda: rig.membership.rechecked == [["phone"]], "the check")


async def test_a_user_who_is_banned_everywhere_is_disconnected(rig: Rig) -> None:
    rig.banned.add("ada")
    await rig.publish(Revoked())

    assert rig.remaining == ["bob", "eve"]


async def test_a_sanction_is_passed_to_its_handler(rig: Rig) -> None:
    message = Sanctioned(room=ROOM, user="ada")
    await rig.publish(message)

    assert rig.sanctioned == [message]


async def test_an_operators_order_is_passed_to_its_handler(rig: Rig) -> None:
    order = NodeOrder("3", "cordon")
    await rig.publish(order)
    assert rig.orders == [order]


async def test_changes_of_rooms_and_profiles_are_passed_to_their_handlers(rig: Rig) -> None:
    rig.control.apply(RoomChanged("team:red"))
    rig.control.apply(ProfileChanged("ada"))
    assert rig.changed == [RoomChanged("team:red")]
    assert rig.profiles == [ProfileChanged("ada")]


async def test_only_revocations_and_sanctions_in_all_rooms_repeat_the_checks_of_running_sign_ins(rig: Rig) -> None:
    """Ordinary users can cause the other messages. These must not delay the sign-ins of other users."""
    rig.control.apply(RoomChanged(ROOM))
    rig.control.apply(ProfileChanged("ada"))
    rig.control.apply(Sanctioned(ROOM, "ada"))
    rig.control.apply(Kicked(ROOM, "ada"))
    assert rig.signed_in.changes == []
    rig.control.apply(Sanctioned(user="ada"))
    rig.control.apply(Revoked(user="bob"))
    rig.control.apply(Revoked(token="t1"))
    assert rig.signed_in.changes == ["ada", "bob", ""]


async def test_the_creation_of_a_room_rechecks_the_sessions_in_the_room(rig: Rig) -> None:
    await rig.publish(RoomCreated(ROOM))
    assert rig.membership.rechecked == [["phone", "bob"]]


class Backplane:
    """Records the published messages."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes]] = []

    async def publish(self, channel: str, data: bytes) -> None:
        self.published.append((channel, data))


class Adapter:
    """An adapter with only a backplane, the part that the publisher uses."""

    def __init__(self) -> None:
        self.backplane = Backplane()


async def test_publishing_a_sanction_drops_the_copies_of_this_gateway_at_once() -> None:
    adapter, forgotten = Adapter(), list[tuple[str, str]]()
    publisher = ControlPublisher(cast("Any", adapter), lambda room, user: forgotten.append((room, user)))
    await publisher.publish_control(Sanctioned(user="ada"))
    await publisher.publish_control(Sanctioned(ROOM, "bob"))
    await publisher.publish_control(Disconnected("eve"))
    assert forgotten == [("", "ada"), (ROOM, "bob")]
    sent = [Sanctioned(user="ada"), Sanctioned(ROOM, "bob"), Disconnected("eve")]
    assert adapter.backplane.published == [("control", pack(message)) for message in sent]
