"""Connections that are silent or slow, send malformed, nested or too large data, or come from foreign pages."""

from __future__ import annotations

import asyncio
import json

import pytest

from roomcast.engineio.websocket.rfc6455 import TEXT
from tests.attack.victim import Stranger, Victim, conversation, opening, said
from tests.gateways import Clients
from tests.waiting import until
from tests.websocket_frames import masked

SECRET_WORDS = ("cookie-of-ada", "bearer-of-ada")
SECRETS = f"Cookie: session={SECRET_WORDS[0]}\r\nAuthorization: Bearer {SECRET_WORDS[1]}\r\n".encode()
MALFORMED = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n",
    "a bad header line": b"GET / HTTP/1.1\r\nHost: a\r\n" + SECRETS + b"no colon\r\n\r\n",
    "a bad header name": b"GET / HTTP/1.1\r\nHost: a\r\n" + SECRETS + b"na me: x\r\n\r\n",
    "an oversized header": b"GET / HTTP/1.1\r\nHost: a\r\nCookie: " + SECRET_WORDS[0].encode() * 2_000 + b"\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: a\r\n" + SECRETS + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "length and chunks": b"POST / HTTP/1.1\r\nHost: a\r\n"
    + SECRETS
    + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a bad chunk": b"POST / HTTP/1.1\r\nHost: a\r\n" + SECRETS + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a bad version": b"GET / HTTP/9.9\r\nHost: a\r\n" + SECRETS + b"\r\n",
}


@pytest.mark.parametrize("kind", MALFORMED)
async def test_malformed_http_is_refused_and_its_secret_headers_are_not_logged(victim: Victim, kind: str) -> None:
    stranger = await Stranger.connect(victim)
    stranger.write(MALFORMED[kind])
    answer = await stranger.until_closed(15)  # nginx sends its answer and reads for five more seconds before it closes
    assert answer[:5] == b"HTTP/"
    assert answer[9:12] == b"505" or answer[9:10] == b"4"
    log = victim.said()
    assert not [word for word in SECRET_WORDS if word in log]
    assert "Traceback" not in log


async def test_two_host_headers_are_refused(victim: Victim) -> None:
    stranger = await Stranger.connect(victim)
    stranger.write(opening("Host: evil.example"))
    assert b" 400 " in (await stranger.until_closed())[:20]


async def test_silent_connections_and_connections_that_send_byte_by_byte_are_closed(victim: Victim) -> None:
    """A connection must send a complete request head within ten seconds, even if some bytes arrive all the time."""
    before = victim.process.num_fds()
    silent = [await Stranger.connect(victim) for _ in range(20)]
    for half in silent[10:]:
        half.write(opening()[:-2])
    dripping = await Stranger.connect(victim)

    async def drip() -> None:
        for byte in opening("X-Long: " + "x" * 1_000):
            dripping.write(bytes((byte,)))
            await asyncio.sleep(0.1)

    dropping = asyncio.ensure_future(drip())
    for stranger in (*silent, dripping):
        assert await stranger.until_closed(15) == b""
    dropping.cancel()
    if not victim.is_behind_nginx:
        await until(lambda: victim.process.num_fds() <= before + 2, "the gateway has closed the sockets")


async def test_a_post_whose_body_arrives_byte_by_byte_gets_400(victim: Victim) -> None:
    stranger = await Stranger.connect(victim)
    stranger.write(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n")
    await stranger.until(b"}")
    sid = json.loads(stranger.received.partition(b"\r\n\r\n0")[2])["sid"]
    target = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
    stranger.write(f"POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n".encode())
    for _ in range(100):
        if stranger.is_closed:
            break
        stranger.write(b"6")
        await asyncio.sleep(0.1)
    assert b"HTTP/1.1 400" in await stranger.until_closed()


NESTED = {
    "arrays": b"[" * 49_000 + b"]" * 49_000,
    "pairs": b"[" + b",".join([b"[]"] * 30_000) + b"]",
    "objects": b'{"a":' * 16_000 + b"1" + b"}" * 16_000,
}


@pytest.mark.parametrize("kind", NESTED)
async def test_a_large_packet_before_the_sign_in_ends_the_connection_with_1009(
    victim: Victim, clients: Clients, kind: str
) -> None:
    """The gateway refuses the packet by the length in its frame header, before it parses any of the JSON."""
    async with conversation(victim, clients):
        strangers = [await Stranger.open_websocket(victim) for _ in range(40)]
        for stranger in strangers:
            stranger.write(masked(TEXT, b"40" + NESTED[kind]))
        assert {await stranger.close_code() for stranger in strangers} == {1009}


async def test_many_small_packets_before_the_sign_in_end_the_connection(victim: Victim) -> None:
    stranger = await Stranger.open_websocket(victim)
    await stranger.flood(masked(TEXT, b"6" * 1) * 500, seconds=2.0, most_bytes=40_000)
    assert await stranger.close_code() in (1008, 1009)


async def test_a_large_packet_of_a_signed_in_client_gets_an_error_ack(victim: Victim) -> None:
    stranger = await Stranger.open_websocket(victim)
    await stranger.sign_in("large")
    payload = {"room": "public:lobby", "id": "a", "text": "x" * 90_000}
    stranger.write(masked(TEXT, b"427" + json.dumps(["message:send", payload]).encode()))
    await stranger.until(b'437[{"ok":false,"error":{"code"')
    stranger.drop()


@pytest.mark.parametrize("kind", NESTED)
async def test_deep_json_of_a_signed_in_client_ends_the_session_but_wide_json_does_not(
    victim: Victim, kind: str
) -> None:
    stranger = await Stranger.open_websocket(victim)
    await stranger.sign_in("deep")
    stranger.write(masked(TEXT, b'42["e",' + NESTED[kind] + b"]"))
    if kind == "pairs":  # many arrays, but only two levels
        stranger.write(masked(TEXT, b"427" + json.dumps(["room:leave", {"room": "public:x"}]).encode()))
        await stranger.until(b"437[")
    else:
        assert await stranger.close_code() == 1003
        await said(victim, "parse error")
    stranger.drop()


async def test_many_short_sessions_do_not_delay_other_clients(victim: Victim, clients: Clients) -> None:
    """Open and close two hundred sessions a second for three seconds, while two users exchange messages."""
    before = victim.memory
    async with conversation(victim, clients):
        for _ in range(60):
            batch = [await Stranger.connect(victim) for _ in range(10)]
            for stranger in batch:
                stranger.write(opening())
            await asyncio.sleep(0.05)
            for stranger in batch:
                stranger.drop()
    newcomer = await clients(victim.gateway, "newcomer")
    assert newcomer.seen("ready")
    await victim.assert_well(before)


FOREIGN = ("https://evil.example", "null", "http://chat.example.evil.example", "https://chat.example:81")


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_foreign_origins_are_refused_and_counted_and_the_first_is_logged(
    victim: Victim, origin: str, transport: str
) -> None:
    refused = 'roomcast_gateway_refused_requests_total{reason="origin",status="403"}'
    before = victim.metric(refused)
    stranger = await Stranger.connect(victim)
    target = f"/socket.io/?EIO=4&transport={transport}"
    stranger.write(
        opening(f"Origin: {origin}", target=target).replace(b"Connection: Upgrade", b"Connection: close, Upgrade")
    )
    await stranger.until(b" 403 ")
    stranger.drop()
    await said(victim, "origin 'https://evil.example' refused: reached as 'http://chat.example'")
    assert victim.metric(refused) == before + 1


@pytest.mark.parametrize("origin", ["http://chat.example", "ws://chat.example", "https://chat.example"])
async def test_the_gateway_s_own_host_is_accepted_as_http_and_https_origin_behind_a_proxy(
    victim: Victim, origin: str
) -> None:
    """The connection counts as proxied: loopback is a trusted proxy by default, and X-Forwarded-Proto is set."""
    stranger = await Stranger.open_websocket(victim, f"Origin: {origin}", "X-Forwarded-Proto: http")
    stranger.drop()
