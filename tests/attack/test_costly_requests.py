"""HTTP requests that cost the server more than the sender: compressed bodies, unknown paths, unread answers."""

from __future__ import annotations

import asyncio
import json
import socket
import zlib

import aiohttp
import pytest

from tests.attack.victim import Victim, conversation
from tests.gateways import Client, Clients, token, unique

NO_SESSION = "/socket.io/?EIO=4&transport=polling&sid=g1.unknown"
FORMATS = {"gzip": 31, "deflate": 15}
"""zlib's parameter `wbits` for each content coding."""
BOMBS = 20
"""Compressed bodies that the attacker sends at once."""
BOMB_SECONDS = 1.0
"""CPU time that the gateway may use for all these bodies, in seconds."""
UNKNOWN = 20_000
"""Requests for one unknown path."""
ROWS = 50
"""Messages of 16 kB on the page of the large room."""
ENDED = 96
"""Polling sessions that request the page and end before they fetch it (77 MB in all)."""
KEPT_BYTES = 50_000_000
"""Allowed growth of the gateway's memory after these sessions, in bytes. The gateway keeps 17 MB of their payloads."""
READ = 64
"""Connections that read the page (51 MB in all) and stay open."""
READ_BYTES = 30_000_000
"""Allowed growth of the gateway's memory while these connections are open, in bytes."""
UNREAD = 104
"""Connections that ask for the page and do not read it (83 MB in all; 45 MB do not fit into the kernel's buffers)."""


def bomb(window: int) -> bytes:
    """Return 64 MB of zeros in about 64 kB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, window)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()


async def answers(victim: Victim, request: bytes, count: int = 1) -> bytes:
    """Send a request `count` times on one connection; return the received bytes once `count` answers have begun."""
    reader, writer = await asyncio.open_connection("127.0.0.1", victim.gateway.port)
    writer.write(request * count)
    received = bytearray()
    async with asyncio.timeout(60):
        while received.count(b"HTTP/1.1 ") < count and (data := await reader.read(65_536)):
            received += data
    writer.close()
    return bytes(received)


@pytest.mark.parametrize("coding", FORMATS)
async def test_compressed_bodies_are_not_unpacked(victim: Victim, clients: Clients, coding: str) -> None:
    """Unpacking one of these bodies would take at least a tenth of a second of CPU time."""
    body = bomb(FORMATS[coding])
    head = f"POST {NO_SESSION} HTTP/1.1\r\nHost: a\r\nContent-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n"
    before, busy, long_turns = victim.memory, sum(victim.process.cpu_times()[:2]), victim.long_turns
    async with conversation(victim, clients):
        found = await asyncio.gather(*(answers(victim, head.encode() + body) for _ in range(BOMBS)))
    assert all(b" 400 " in answer[:20] for answer in found)
    await victim.assert_well(before)
    assert sum(victim.process.cpu_times()[:2]) - busy < BOMB_SECONDS
    assert victim.long_turns == long_turns


@pytest.mark.parametrize("line", ["GET /socket.io/x", "DELETE /socket.io/y"])
async def test_requests_for_unknown_paths_use_no_lasting_memory(victim: Victim, line: str) -> None:
    before = victim.memory
    request = f"{line} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    found = await asyncio.gather(*(answers(victim, request, UNKNOWN // 10) for _ in range(10)))
    assert {answer[9:12] for answer in found} == {b"404"}
    await victim.assert_well(before)


async def test_an_unknown_expect_header_is_ignored(victim: Victim) -> None:
    found = await answers(victim, f"GET {NO_SESSION} HTTP/1.1\r\nHost: a\r\nExpect: another\r\n\r\n".encode())
    assert found[9:12] == b"400", "the session is unknown"


async def test_a_request_with_expect_100_continue_is_answered_with_status_100(victim: Victim) -> None:
    head = f"POST {NO_SESSION} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"
    assert (await answers(victim, head.encode()))[9:12] == b"100"


async def test_unfetched_payloads_of_ended_sessions_use_little_memory(victim: Victim, clients: Clients) -> None:
    """The gateway keeps the last payload of an ended session, and a client may end any number of sessions."""
    room, _ = await a_large_room(victim, clients)
    before = victim.memory
    async with aiohttp.ClientSession() as http:
        for user in [unique("mallory") for _ in range(8)]:
            for _ in range(ENDED // 8):
                await end_with_a_full_queue(http, victim.gateway.url, user, room)
    assert victim.memory < before + KEPT_BYTES


async def test_open_connections_do_not_keep_their_last_answers_in_memory(victim: Victim, clients: Clients) -> None:
    """By default, aiohttp keeps the last answer of each open connection. Many connections could fill the memory."""
    room, _ = await a_large_room(victim, clients)
    before, held = victim.memory, []
    async with aiohttp.ClientSession() as http:
        for user in [unique("mallory") for _ in range(8)]:
            session = await signed_in(http, victim.gateway.url, user)
            for _ in range(READ // 8):
                await ask_for_the_page(http, session, room)
                reader, connection = await asyncio.open_connection("127.0.0.1", victim.gateway.port)
                held.append(connection)
                path = session.removeprefix(victim.gateway.url)
                connection.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
                await reader.readexactly(length)
    grown = victim.memory - before
    for connection in held:
        connection.close()
    assert grown < READ_BYTES


async def test_above_a_bound_the_oldest_unread_answers_are_dropped(victim: Victim, clients: Clients) -> None:
    """An answer stays in the gateway's memory until the client reads it. The oldest of these answers are dropped."""
    if victim.is_behind_nginx:
        pytest.skip("nginx divides the sessions among the gateways, each of which has the bound")
    room, writer = await a_large_room(victim, clients)
    before, unread = victim.memory, []
    async with aiohttp.ClientSession() as http:
        for user in [unique("mallory") for _ in range(8)]:
            session = await signed_in(http, victim.gateway.url, user)
            for _ in range(UNREAD // 8):
                await ask_for_the_page(http, session, room)
                unread.append(await open_unread(victim, session.removeprefix(victim.gateway.url)))
        await asyncio.sleep(2.5)  # the gateway checks the bound once a second
        assert not await is_whole(*unread[0])
        assert await is_whole(*unread[-1])
    await writer.send(room, "still here")
    for _, connection in unread:
        connection.close()
    await victim.assert_well(before)


async def open_unread(victim: Victim, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send a GET on a connection that reads no more than a few kB of the answer."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", victim.gateway.port))
    reader, writer = await asyncio.open_connection(sock=client, limit=1_024)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    return reader, writer


async def is_whole(reader: asyncio.StreamReader, connection: asyncio.StreamWriter) -> bool:
    """Read the rest of an answer; return whether the gateway sent all of it."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
    try:
        async with asyncio.timeout(20):
            await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return False
    return True


async def a_large_room(victim: Victim, clients: Clients) -> tuple[str, Client]:
    """Return a room whose page has ROWS messages of 16 kB, and their author."""
    room, writer = unique("public:large"), await clients(victim.gateway, unique("ada"))
    await writer.join(room)
    for number in range(ROWS):
        await writer.send(room, f"{number}{'x' * 16_000}")
    return room, writer


async def signed_in(http: aiohttp.ClientSession, url: str, user: str) -> str:
    """Sign in by polling; return the session's URL."""
    endpoint = f"{url}/socket.io/?EIO=4&transport=polling"
    async with http.get(endpoint) as opened:
        session = f"{endpoint}&sid={json.loads((await opened.text())[1:])['sid']}"
    async with http.post(session, data="40" + json.dumps({"token": token(user)})):
        pass
    received = ""
    while '"ready"' not in received:
        async with http.get(session) as answer:
            received += await answer.text()
    return session


async def ask_for_the_page(http: aiohttp.ClientSession, session: str, room: str) -> None:
    """Join the room, which requests its page. The gateway keeps the answer until the next GET."""
    async with http.post(session, data=f'420["room:join",{{"room":"{room}"}}]'):
        # The gateway now makes the answer. The test cannot wait for the answer itself, because a GET would fetch it.
        await asyncio.sleep(0.05)


async def end_with_a_full_queue(http: aiohttp.ClientSession, url: str, user: str, room: str) -> None:
    """Sign in by polling, request the page of a room, and end the session before a GET fetches the answer."""
    session = await signed_in(http, url, user)
    await ask_for_the_page(http, session, room)
    async with http.post(session, data="no packet") as answer:
        assert answer.status == 400
