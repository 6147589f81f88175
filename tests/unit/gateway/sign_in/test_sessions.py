"""Signing in and out, with fakes for Redis, the engine and the clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest
from msgspec.structs import replace

from roomcast.contract.errors import Code
from roomcast.contract.events.sign_in import AuthRefresh
from roomcast.contract.tokens import sign
from roomcast.gateway.operations.daily_bytes import DailyBytes
from roomcast.gateway.operations.user_limits import UserLimits
from roomcast.gateway.sign_in.identity import Identity
from roomcast.gateway.sign_in.keys import SharedSecret
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.gateway.sign_in.sessions import Sessions
from roomcast.gateway.sign_in.verifier import Verifier
from roomcast.wire.tasks import TaskSet
from tests.unit.gateway.fakes import refusal
from tests.waiting import until

SECRET = "a secret of these tests and longer than 32 bytes"


class Adapter:
    """The adapter, which is also its own server, engine and ticker. The test advances the ticker."""

    node = "7"

    def __init__(self) -> None:
        self.tasks = TaskSet()
        self.disconnected: list[str] = []
        self.ticks: asyncio.Queue[None] = asyncio.Queue()

    @property
    def server(self) -> Adapter:
        return self

    @property
    def eio(self) -> Adapter:
        return self

    @property
    def ticker(self) -> Adapter:
        return self

    async def wait(self) -> None:
        await self.ticks.get()

    async def disconnect(self, sid: str, **_: Any) -> None:
        self.disconnected.append(sid)

    def background(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        self.tasks.start(work, name)


class Store:
    """The clock of Redis, the revoked users and tokens, and the stored names."""

    def __init__(self) -> None:
        self.now = time.time()
        self.revoked: set[str] = set()
        self.noted: dict[str, str] = {}
        self.stored_names: dict[str, str] = {}
        self.before_reply: Callable[[], None] = lambda: None
        """Called between a look-up of revocations and its reply."""
        self.before_name: Callable[[], None] = lambda: None
        """Called while a name is read."""

    async def now_ms(self) -> int:
        return int(self.now * 1000)

    async def is_revoked(self, identity: Identity) -> bool:
        answer = not self.revoked.isdisjoint({identity.user, identity.token_id, identity.session_id})
        self.before_reply()
        return answer

    def note_name(self, user: str, name: str) -> None:
        self.noted[user] = name

    async def names(self, users: list[str]) -> dict[str, str]:
        self.before_name()
        return {user: self.stored_names.get(user, user) for user in users}


class Emitter:
    """The devices, and the events sent to them."""

    def __init__(self) -> None:
        self.devices: set[tuple[str, str]] = set()
        self.sent: list[tuple[list[str], str, dict[str, Any]]] = []

    def add_device(self, user: str, sid: str) -> None:
        self.devices.add((user, sid))

    def remove_device(self, user: str, sid: str) -> None:
        self.devices.discard((user, sid))

    def to_sessions(self, sids: list[str], event: str, data: dict[str, Any]) -> None:
        self.sent.append((sids, event, data))


class Rig:
    """The sessions of one gateway, over fakes."""

    def __init__(self) -> None:
        self.adapter, self.store, self.emitter = Adapter(), Store(), Emitter()
        self.banned: set[str] = set()
        self.identities: list[Identity] = []
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.daily_bytes = DailyBytes(time.monotonic)
        self.sessions = Sessions(
            cast("Any", self.adapter),
            Verifier(SharedSecret(SECRET)),
            cast("Any", self.store),
            cast("Any", self.emitter),
            user_limits=UserLimits(50.0, time.monotonic, rooms_per_connection=100),
            daily_bytes=self.daily_bytes,
            limits={"rooms": 3},
            issue_ticket=lambda: "a ticket",
            note_sign_in=self.identities.append,
            is_banned=self._is_banned,
            on_open=lambda session: self.opened.append(session.sid),
            on_close=self._on_close,
        )

    async def _is_banned(self, user: str) -> bool:
        return user in self.banned

    async def _on_close(self, session: ChatSession) -> None:
        self.closed.append(session.sid)

    async def sign_in(self, user: str = "ada", sid: str = "s1", **claims: Any) -> ChatSession:
        return await self.sessions.sign_in(sid, f"e-{sid}", {"token": sign(SECRET, user, **claims)})


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_ready_is_sent_in_the_next_iteration_of_the_event_loop(rig: Rig) -> None:
    session = await rig.sign_in(name="Ada")
    assert (rig.emitter.sent, rig.opened, len(rig.sessions), list(rig.sessions)) == ([], ["s1"], 1, [session])
    await asyncio.sleep(0)

    ((sids, event, ready),) = rig.emitter.sent
    assert (sids, event, ready["user"], ready["name"], ready["node"]) == (["s1"], "ready", "ada", "Ada", "7")
    assert (ready["limits"], ready["ticket"]) == ({"rooms": 3}, "a ticket")
    assert abs(ready["server_time"] / 1000 - rig.store.now) < 5
    assert rig.store.noted == {"ada": "Ada"}


async def test_a_new_session_of_a_user_has_the_free_joins_and_custom_events_of_the_session_before(rig: Rig) -> None:
    first, other = await rig.sign_in(), await rig.sign_in("bob", "s2")
    await rig.sessions.sign_out(first)
    second = await rig.sign_in(sid="s3")
    assert first.free_joins.burst == 400
    assert second.free_joins is first.free_joins
    assert second.free_joins is not other.free_joins
    assert second.custom_events is first.custom_events


async def test_a_refused_sign_in_leaves_no_session(rig: Rig) -> None:
    rig.store.revoked.add("mallory")
    rig.banned.add("eve")

    assert await refusal(rig.sign_in("mallory")) is Code.REVOKED
    assert await refusal(rig.sign_in("eve")) is Code.BANNED
    assert await refusal(rig.sign_in(seconds=-5)) is Code.UNAUTHORIZED
    for auth in (None, "x", {}, {"token": 7}):
        assert await refusal(rig.sessions.sign_in("s1", "e1", auth)) is Code.UNAUTHORIZED
    assert (len(rig.sessions), rig.opened, rig.emitter.devices) == (0, [], set())


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        ({"status": "sleepy"}, Code.BAD_REQUEST),
        ({"status": 7}, Code.BAD_REQUEST),
        ({"status": "online", "note": "x" * 141}, Code.TOO_LARGE),
        ({"status": "online", "note": "half \ud83d"}, Code.BAD_REQUEST),
    ],
    ids=ascii,
)
async def test_an_invalid_status_or_note_is_refused(rig: Rig, extra: dict[str, Any], code: Code) -> None:
    auth = {"token": sign(SECRET, "ada"), **extra}

    assert await refusal(rig.sessions.sign_in("s1", "e1", auth)) is code
    assert len(rig.sessions) == 0


async def test_a_revocation_during_the_check_of_a_sign_in_repeats_the_check(rig: Rig) -> None:
    """The control message of the revocation does not find the new session yet."""

    def revoke(what: str) -> None:
        rig.store.before_reply = lambda: None
        rig.store.revoked.add(what)
        rig.sessions.note_change()

    rig.store.before_reply = lambda: revoke("mallory")
    assert await refusal(rig.sign_in("mallory")) is Code.REVOKED
    session = await rig.sign_in("ada")
    rig.store.before_reply = lambda: revoke("t9")
    assert (
        await refusal(rig.sessions.refresh_token(session, AuthRefresh(sign(SECRET, "ada", jti="t9")))) is Code.REVOKED
    )
    rig.store.before_reply = rig.sessions.note_change
    assert await refusal(rig.sign_in("bob")) is Code.UNAVAILABLE, "the check is repeated a limited number of times"
    rig.store.before_reply = lambda: rig.sessions.note_change("mallory")
    assert (await rig.sign_in("bob")).user == "bob", "another user's revocation does not repeat the check"
    assert [session.user for session in rig.sessions.of_user("bob")] == ["bob"]


async def test_a_revocation_while_the_name_is_read_repeats_the_check(rig: Rig) -> None:
    """For a token without a name, the sign-in reads the stored name after it checks for revocations."""

    def revoke() -> None:
        rig.store.before_name = lambda: None
        rig.store.revoked.add("mallory")
        rig.sessions.note_change("mallory")

    rig.store.before_name = revoke
    assert await refusal(rig.sign_in("mallory")) is Code.REVOKED
    assert rig.sessions.of_user("mallory") == []


async def test_a_token_issued_in_the_future_counts_as_issued_now(rig: Rig) -> None:
    session = await rig.sign_in(iat=int(rig.store.now) + 20)
    assert session.identity.issued <= rig.store.now + 2

    later = sign(SECRET, "ada", iat=int(rig.store.now) + 25, seconds=900)
    await rig.sessions.refresh_token(session, AuthRefresh(later))
    assert session.identity.issued <= rig.store.now + 2


async def test_a_token_refresh_keeps_the_name_and_refuses_other_users_and_revoked_tokens(rig: Rig) -> None:
    session = await rig.sign_in(name="Ada", seconds=60)
    await rig.sessions.refresh_token(session, AuthRefresh(sign(SECRET, "ada", name="Eve", seconds=900)))
    assert (session.identity.name, session.identity.expires > time.time() + 800) == ("Ada", True)
    assert [identity.name for identity in rig.identities] == ["Ada", "Eve"]

    assert await refusal(rig.sessions.refresh_token(session, AuthRefresh(sign(SECRET, "eve")))) is Code.UNAUTHORIZED
    rig.store.revoked.add("t9")
    spent = AuthRefresh(sign(SECRET, "ada", jti="t9"))
    assert await refusal(rig.sessions.refresh_token(session, spent)) is Code.REVOKED


async def test_a_refresh_stores_the_profile_only_if_the_tokens_differ(rig: Rig) -> None:
    session = await rig.sign_in(name="Ada", data={"team": 7})
    session.identity = replace(session.identity, name="Countess")  # a back end has set another name
    for data in ({"team": 7}, {"team": 7}, {"team": 8}, {"team": 8}):
        await rig.sessions.refresh_token(session, AuthRefresh(sign(SECRET, "ada", name="Ada", data=data)))
    assert [identity.data for identity in rig.identities] == [{"team": 7}, {"team": 8}]
    assert session.identity.name == "Countess"


async def test_sign_out_is_idempotent(rig: Rig) -> None:
    session = await rig.sign_in()
    for _ in range(2):
        await rig.sessions.sign_out(session)

    assert (session.is_closed, rig.closed, len(rig.sessions), rig.emitter.devices) == (True, ["s1"], 0, set())


async def test_a_session_ends_when_its_token_expires_by_the_clock_of_redis(rig: Rig) -> None:
    await rig.sign_in(sid="short", seconds=60)
    await rig.sign_in(sid="long", seconds=900)
    rig.store.now += 120
    watching = asyncio.create_task(rig.sessions.watch_expiries())
    try:
        rig.adapter.ticks.put_nowait(None)
        await until(lambda: rig.adapter.disconnected, "a session ends")
    finally:
        watching.cancel()

    assert rig.adapter.disconnected == ["short", "e-short"]


async def test_a_session_whose_token_has_no_name_has_the_stored_name(rig: Rig) -> None:
    rig.store.stored_names["ada"] = "Countess"
    named = await rig.sign_in("ada", "s1", name="Ada", picture="https://example.com/a.png", data={"team": 7})
    unnamed = await rig.sign_in("ada", "s2")
    assert (named.identity.name, unnamed.identity.name) == ("Ada", "Countess")
    assert (named.identity.picture, named.identity.data) == ("https://example.com/a.png", {"team": 7})
    assert [identity.is_named for identity in rig.identities] == [True, False]
