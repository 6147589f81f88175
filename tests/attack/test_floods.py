"""Connections that send cheap packets as fast as they can: the gateway closes them, and serves other clients."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from roomcast.engineio.websocket.rfc6455 import BINARY, CONTINUATION, PING, PONG, TEXT
from tests.attack.victim import Stranger, Victim, conversation, said
from tests.gateways import Clients, raw, unique
from tests.waiting import until
from tests.websocket_frames import masked

FRAMES = {
    "noops": masked(TEXT, b"6"),
    "pongs": masked(TEXT, b"3"),
    "WebSocket pings": masked(PING, b""),
    "WebSocket pongs": masked(PONG, b""),
    "events of unknown namespaces": masked(TEXT, b'42/x,["e"]'),
    "acks without a question": masked(TEXT, b"430[]"),
    "unknown events": masked(TEXT, b'42["e"]'),
    "fragments without content": masked(CONTINUATION, b"", fin=False),
}
FLOOD = 1008
"""The gateway's close code after a flood."""
HANDLED = 'roomcast_gateway_events_total{event="user:blocked",outcome="ok"}'


def many(frame: bytes) -> bytes:
    """Return the frame, repeated to about 64 kB."""
    return frame * max(1, 65_536 // len(frame))


@pytest.mark.parametrize("kind", [kind for kind in FRAMES if kind != "fragments without content"])
async def test_a_signed_in_flooder_is_closed_with_1008(victim: Victim, clients: Clients, kind: str) -> None:
    before = victim.memory
    async with conversation(victim, clients):
        stranger = await Stranger.open_websocket(victim)
        await stranger.sign_in(unique("flood"))
        await stranger.flood(many(FRAMES[kind]))
        code = await stranger.close_code()
        stranger.drop()
    assert code == FLOOD
    await victim.assert_well(before)


@pytest.mark.parametrize("kind", ["noops", "pongs", "WebSocket pings", "fragments without content"])
async def test_ten_strangers_that_flood_at_once_are_closed(victim: Victim, clients: Clients, kind: str) -> None:
    before, long_turns = victim.memory, victim.long_turns
    async with conversation(victim, clients):
        strangers = [await Stranger.open_websocket(victim) for _ in range(10)]
        for stranger in strangers if kind.startswith("fragments") else ():
            stranger.write(masked(TEXT, b"4", fin=False))
        await asyncio.gather(*(stranger.flood(many(FRAMES[kind])) for stranger in strangers))
        codes = {await stranger.close_code() for stranger in strangers}
        for stranger in strangers:
            stranger.drop()
    assert codes <= {FLOOD, 1009, 0}, "closed for the flood or its size, or reset before the close code was sent"
    assert victim.long_turns == long_turns
    await victim.assert_well(before)


async def test_five_floods_of_one_address_make_fewer_than_five_log_lines(victim: Victim) -> None:
    line = "closed a session of 127.0.0.1: flood"
    before = victim.said().count(line)
    for _ in range(5):
        stranger = await Stranger.open_websocket(victim)
        await stranger.flood(many(FRAMES["WebSocket pings"]), seconds=2.0)
        stranger.drop()
    await said(victim, line)
    assert victim.said().count(line) - before < 5


async def test_a_polling_client_that_posts_too_many_packets_is_refused(victim: Victim, clients: Clients) -> None:
    """A body of 100 kB can contain fifty thousand noops."""
    before = victim.memory
    async with conversation(victim, clients), aiohttp.ClientSession() as http:
        url = f"{victim.gateway.url}/socket.io/?EIO=4&transport=polling"
        async with http.get(url) as answer:
            sid = json.loads((await answer.text())[1:])["sid"]
        statuses = []
        for _ in range(20):
            async with http.post(f"{url}&sid={sid}", data=b"\x1e".join([b"6"] * 7_000)) as answer:
                statuses.append(answer.status)
            if statuses[-1] != 200:
                break
        assert statuses[-1] in (400, 413, 429)
    await victim.assert_well(before)


async def test_many_clients_at_their_limits_use_no_lasting_memory(victim: Victim, clients: Clients) -> None:
    """Forty sockets of one user send texts of 8 kB as fast as they can."""
    before = victim.memory
    room = unique("public:flood")
    texts = b"".join(
        masked(TEXT, b"42" + json.dumps(["message:send", {"room": room, "id": f"m{n}", "text": "x" * 8_000}]).encode())
        for n in range(8)
    )
    join = masked(TEXT, b"421" + json.dumps(["room:join", {"room": room}]).encode())
    async with conversation(victim, clients):
        strangers = [await Stranger.open_websocket(victim) for _ in range(40)]
        for stranger in strangers:
            await stranger.sign_in("flood")
            stranger.write(join)
        await asyncio.gather(*(_write_and_discard(stranger, texts) for stranger in strangers))
        for stranger in strangers:
            stranger.drop()
    await victim.assert_well(before)


async def test_many_users_within_their_limits_cause_no_long_turn_of_the_event_loop(
    victim: Victim, clients: Clients
) -> None:
    """Two hundred users send twenty events each at once. A loop turn that handled all of them would take 0.2 s."""
    events = masked(TEXT, b'42["user:blocked",{}]') * 20
    before = victim.memory
    async with conversation(victim, clients):
        strangers = [await signed_in(victim) for _ in range(200)]
        handled, long_turns = victim.metric(HANDLED), victim.long_turns
        for stranger in strangers:
            stranger.write(events)
        await until(lambda: victim.metric(HANDLED) >= handled + 4_000, "all events are handled", 30)
        assert victim.long_turns == long_turns
        for stranger in strangers:
            stranger.drop()
    await victim.assert_well(before)


async def signed_in(victim: Victim) -> Stranger:
    """Connect and sign in as a new user."""
    stranger = await Stranger.open_websocket(victim)
    await stranger.sign_in(unique("user"))
    return stranger


async def _write_and_discard(stranger: Stranger, data: bytes) -> None:
    flood = asyncio.ensure_future(stranger.flood(data, seconds=4.0))
    while not flood.done():
        stranger.received.clear()
        await asyncio.sleep(0.01)


async def test_unannounced_binary_frames_end_the_session(victim: Victim) -> None:
    stranger = await Stranger.open_websocket(victim)
    await stranger.flood(many(masked(BINARY, b"x")), seconds=2.0)
    assert await stranger.close_code() == 1003
    stranger.drop()


async def test_a_second_connection_that_comes_and_goes_does_not_raise_the_rate(victim: Victim) -> None:
    """Each sign-in on the same socket once filled the user's bucket, and 3,000 events within 8 s were accepted."""
    if victim.is_behind_nginx:
        pytest.skip("the two sockets may reach different gateways, which add up the events of a user once a second")
    user, most = unique("mallory"), 20
    async with raw(victim.gateway) as sender, raw(victim.gateway) as other:
        await sender.sign_in(user)
        for number in range(most):
            try:
                await other.sign_in(user)
            except AssertionError:  # the gateway has closed the socket
                break
            await other.send("41")
            await sender.send(*['42["user:blocked",{}]'] * 100, f'42{number}["user:blocked",{{}}]')
            if not (await sender.ack(number))["ok"]:
                break
    assert number < most - 1
