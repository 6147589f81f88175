"""How sessions end or continue (expiry, revocation, a refreshed token), and how clients lose a room (removal, kick)."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import socketio

from roomcast.contract import keys
from roomcast.contract.backend import connect
from roomcast.contract.envelope import Kicked, Revoked
from roomcast.wire.envelope import pack
from tests.gateways import Client, Clients, Gateway, store, token, unique
from tests.waiting import until

Pair = list[Gateway]
CLOSED_WITHIN_SECONDS = 5.0


async def assert_out(client: Client, other: Client, room: str) -> None:
    """Check that `client` is disconnected in time, and that it does not get a later message."""
    await client.expect_gone(CLOSED_WITHIN_SECONDS)
    await other.send(room, "after")
    await other.expect_text("after")
    assert client.texts(room) == []


async def test_an_expired_token_ends_the_session(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada"), seconds=2), await clients(pair[1], unique("bob"))
    room = unique("public:talk")
    await ada.join(room)
    await bob.join(room)

    await ada.expect_gone(2 + CLOSED_WITHIN_SECONDS)
    await bob.send(room, "after")
    await bob.expect_text("after")
    assert ada.texts(room) == []
    assert [row["user"] for row in (await bob.ok("room:members", {"room": room}))["members"]] == [bob.user]


async def test_a_refreshed_token_keeps_the_session(pair: Pair, clients: Clients) -> None:
    ada = await clients(pair[0], unique("ada"), seconds=2)
    expires = time.time() + 60

    answer = await ada.ok("auth:refresh", {"token": token(ada.user, seconds=60)})

    assert abs(answer["expires"] / 1000 - expires) < 5
    with pytest.raises(TimeoutError):
        await ada.expect_gone(4.0)
    await ada.join("public:lobby")


async def test_a_refresh_refuses_bad_tokens_and_tokens_of_other_users(pair: Pair, clients: Clients) -> None:
    ada = await clients(pair[0], unique("ada"))

    for bad in (token("bob"), token(ada.user, seconds=-10), "x", "", token(ada.user) + "x"):
        assert await ada.refused("auth:refresh", {"token": bad}) == "unauthorized"
    assert await ada.refused("auth:refresh", {"token": 7}) == "bad_request"
    assert await ada.refused("auth:refresh", {"token": "x" * 9_000}) == "too_large"
    await ada.join("public:lobby")


def revoke_user(url: str, user: str, _: str) -> None:
    with store(url) as redis:
        redis.set(keys.revoked_user(user), int(time.time()), ex=60)
        redis.publish(keys.CONTROL, pack(Revoked(user=user)))


def revoke_token(url: str, _: str, token_id: str) -> None:
    with store(url) as redis:
        redis.set(keys.revoked_token(token_id), 1, ex=60)
        redis.publish(keys.CONTROL, pack(Revoked(token=token_id)))


def revoke_and_wake_all(url: str, user: str, _: str) -> None:
    with store(url) as redis:
        redis.set(keys.revoked_user(user), int(time.time()), ex=60)
        redis.publish(keys.CONTROL, pack(Revoked()))


@pytest.mark.parametrize("revoke", [revoke_user, revoke_token, revoke_and_wake_all])
async def test_a_revocation_ends_the_sessions_and_the_token_is_refused(
    pair: Pair, clients: Clients, gateway_redis: str, revoke: Callable[[str, str, str], None]
) -> None:
    token_id, user = unique("jti/%{}"), unique("ada")
    signed = token(user, jti=token_id)
    devices = [await clients(running, user, token_=signed) for running in pair]
    bob, room = await clients(pair[1], unique("bob")), unique("public:talk")
    for who in (*devices, bob):
        await who.join(room)

    revoke(gateway_redis, user, token_id)

    for device in devices:
        await device.expect_gone(CLOSED_WITHIN_SECONDS)
    for device in devices:
        await assert_out(device, bob, room)
    again = Client(user)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await again.connect(pair[0].url, signed)
    assert [name for name, _ in again.events] == []
    assert await bob.refused("auth:refresh", {"token": signed}) == "unauthorized"
    await bob.join(room)


async def test_a_revoked_token_cannot_refresh_a_session(pair: Pair, clients: Clients, gateway_redis: str) -> None:
    ada = await clients(pair[0], unique("ada"))
    with store(gateway_redis) as redis:
        redis.set(keys.revoked_token("spent"), 1, ex=60)

    assert await ada.refused("auth:refresh", {"token": token(ada.user, jti="spent")}) == "revoked"
    await ada.join("public:lobby")


async def test_a_revocation_that_all_gateways_missed_takes_effect_after_the_reconnect(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))

    with store(gateway_redis) as redis:
        redis.set(keys.revoked_user(ada.user), int(time.time()), ex=60)
        redis.client_kill_filter(_type="pubsub")

    await ada.expect_gone(CLOSED_WITHIN_SECONDS)
    await until(lambda: all(running.is_ready for running in pair), "the gateways are ready again")
    await bob.join("public:lobby")


async def test_a_removal_that_all_gateways_missed_takes_effect_after_the_reconnect(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    owner, bob = await clients(pair[0], unique("owner")), await clients(pair[1], unique("bob"))
    room = unique("team")
    await owner.ok("room:create", {"room": room, "kind": "private"})
    await owner.invite(room, bob.user)
    await owner.join(room)
    await bob.join(room)
    await bob.join(hall := unique("public:hall"))

    with store(gateway_redis) as redis:
        redis.hdel(keys.room_members(room), bob.user)
        redis.client_kill_filter(_type="pubsub")

    assert (await bob.expect("room", lambda e: e["change"] == "removed"))["room"] == room
    await until(lambda: all(running.is_ready for running in pair), "the gateways are ready again")
    await owner.send(room, "without bob")
    await owner.send(hall, "with bob")
    await bob.expect_text("with bob")
    assert bob.texts(room) == []


async def test_all_clients_leave_a_closed_room(pair: Pair, clients: Clients, gateway_redis: str) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    eve, room = await clients(pair[1], unique("eve")), unique("public:talk")
    for who in (ada, bob):
        await who.join(room)

    with store(gateway_redis) as redis:
        redis.publish(keys.CONTROL, pack(Kicked(room=room, closed=True)))
        redis.publish(keys.CONTROL, b"\x01nonsense")
        redis.publish(keys.CONTROL, b"")

    for who in (ada, bob):
        assert (await who.expect("room", lambda e: e["change"] == "closed"))["room"] == room
    dan = await clients(pair[0], unique("dan"))
    for who in (dan, eve):
        await who.join(room)
    await eve.send(room, "anybody?")
    for who in (dan, eve):
        await who.expect_text("anybody?")
    assert ada.texts(room) == bob.texts(room) == []


@pytest.mark.parametrize(("who", "change"), [("user", "removed"), ("*", "closed")])
async def test_a_kick_that_all_gateways_missed_takes_effect_after_the_reconnect(
    pair: Pair, clients: Clients, gateway_redis: str, who: str, change: str
) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room, other = unique("public:talk"), unique("public:other")
    for client in (ada, bob):
        await client.join(room)
        await client.join(other)

    with store(gateway_redis) as redis:
        seconds, microseconds = redis.time()
        at = int(seconds) * 1000 + int(microseconds) // 1000 + 1
        redis.hset(keys.room_kicked(room), ada.user if who == "user" else who, at)
        redis.client_kill_filter(_type="pubsub")

    for client in (ada, bob) if who == "*" else (ada,):
        assert (await client.expect("room", lambda e: e["change"] == change))["room"] == room
    await until(lambda: all(running.is_ready for running in pair), "the gateways are ready again")
    await bob.join(room)
    await bob.send(room, "without ada")
    await bob.expect_text("without ada")
    await bob.send(other, "with ada")
    await ada.expect_text("with ada")
    assert ada.texts(room) == []
    await ada.join(room)  # a kicked user may join again
    with store(gateway_redis) as redis:
        redis.client_kill_filter(_type="pubsub")
    await until(lambda: all(running.is_ready for running in pair), "the gateways are ready again")
    await bob.send(room, "with ada again")
    await ada.expect_text("with ada again")


async def test_a_revocation_also_covers_a_token_whose_issuer_s_clock_runs_ahead(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    user = unique("ada")
    signed = token(user, iat=int(time.time()) + 20)
    ada = await clients(pair[0], user, token_=signed)

    async with connect(gateway_redis) as backend:
        await backend.revoke_user(user)

    await ada.expect_gone(CLOSED_WITHIN_SECONDS)
    again = Client(user)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await again.connect(pair[1].url, signed)


async def test_revoke_session_ends_only_the_connections_whose_tokens_have_the_sid(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    user, sign_in = unique("ada"), unique("sid")
    first = await clients(pair[0], user, sid=sign_in, jti="first")
    second = await clients(pair[1], user, jti="second")
    await second.ok("auth:refresh", {"token": token(user, sid=sign_in, jti="third")})
    other = await clients(pair[1], user, sid=unique("sid"))
    async with connect(gateway_redis) as backend:
        await backend.revoke_session(sign_in)
    for device in (first, second):
        await device.expect_gone(CLOSED_WITHIN_SECONDS)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await Client(user).connect(pair[0].url, token(user, sid=sign_in, jti="fourth"))
    await other.join("public:lobby")


async def test_issued_before_revokes_only_older_tokens(pair: Pair, clients: Clients, gateway_redis: str) -> None:
    user, now = unique("ada"), int(time.time())
    old, new = await clients(pair[0], user, iat=now - 61), await clients(pair[1], user, iat=now - 60)
    async with connect(gateway_redis) as backend:
        await backend.revoke_user(user, issued_before=now - 60)
        await old.expect_gone(CLOSED_WITHIN_SECONDS)
        await new.join("public:lobby")
        await backend.revoke_user(user, issued_before=now - 120)
        other = await clients(pair[1], unique("other"))
        await backend.revoke_user(other.user)
        await other.expect_gone(CLOSED_WITHIN_SECONDS)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await Client(user).connect(pair[0].url, token(user, iat=now - 61))
    assert not new.gone.is_set()


async def test_after_a_revocation_without_skew_a_new_token_works_at_once(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    user = unique("ada")
    ada = await clients(pair[0], user, iat=int(time.time()) - 10)

    async with connect(gateway_redis) as backend:
        await backend.revoke_user(user, skew_seconds=0)

    await ada.expect_gone(CLOSED_WITHIN_SECONDS)
    await clients(pair[1], user, iat=int(time.time()) + 2)
