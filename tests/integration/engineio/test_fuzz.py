"""Malformed input on real sockets leaves no traceback and no state, and valid events still work."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession

from roomcast.engineio import Rules
from tests.integration.engineio.client import Polling, WebSocket, serving
from tests.integration.engineio.test_socketio import PATH, App
from tests.waiting import until

ROUNDS = 250
"""Connections that send malformed input, one after another."""
PIECES = [  # random packets consist of these
    *("0", "1", "2", "3", "4", "5", "6", "9x", "40", "41", "42", "43", "44", "45", "46", "450-", "451-", "452-"),
    *("4510-", "4511-", "/", "/custom,", "/x,", "?a=b", "12", "99999999999999999999", "[", "]", "{", "}", ",", ":"),
    *('"message"', '"any"', '"connect"', '"message-with-ack"', '{"_placeholder":true,"num":0}', "probe"),
    *('{"_placeholder":true,"num":-1}', "NaN", "null", "1e999", "\x1e", "\x00", "€", "b", "AQID", "=="),
]


def packet(chance: random.Random) -> str | bytes:
    if chance.random() < 0.15:
        return chance.randbytes(chance.randrange(20))
    start = chance.choice(["", "", "42", "451-", "40"])
    return start + "".join(chance.choices(PIECES, k=chance.randrange(8)))


async def misuse_websocket(address: str, chance: random.Random) -> None:
    """Send malformed input. Once the server has closed, asyncio drops writes, and uvloop raises RuntimeError."""
    socket = await WebSocket.open(address, PATH)
    if chance.random() < 0.8:
        socket.send("40")
    for _ in range(chance.randrange(1, 12)):
        if chance.random() < 0.1:
            socket.writer.write(chance.randbytes(chance.randrange(1, 40)))
        elif chance.random() < 0.1:
            socket.write_frame(chance.choice([0, 1, 2, 8, 9, 10, 11]), chance.randbytes(5), fin=chance.random() < 0.7)
        else:
            socket.send(packet(chance))
        if chance.random() < 0.3:
            await asyncio.sleep(0)
    if chance.random() < 0.5:
        await asyncio.sleep(0.01)
    socket.drop()


async def misuse_polling(address: str, chance: random.Random, http: ClientSession) -> None:
    client = await Polling.open(http, address, PATH)
    for _ in range(chance.randrange(1, 5)):
        packets = [packet(chance) for _ in range(chance.randrange(1, 5))]
        body = b"\x1e".join(p if isinstance(p, bytes) else p.encode() for p in packets)
        await client.post(body)
        if chance.random() < 0.4:
            getting = asyncio.ensure_future(client.get())
            await asyncio.sleep(0.002)
            getting.cancel()
            await asyncio.gather(getting, return_exceptions=True)


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize("seed", [1, 2, date.today().toordinal()])  # a new seed every day, the same in all workers
async def test_malformed_input_leaves_no_traceback_and_no_state(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    print("seed", seed)
    chance = random.Random(seed)
    app = App(rules=Rules(max_pending_per_peer=10_000))
    app.gate.set()
    async with serving(app.sio, PATH) as address, ClientSession() as http:
        caplog.set_level(logging.INFO)
        for number in range(ROUNDS):
            if number == ROUNDS // 3:
                gc.collect()
                before = resident_bytes()
            if chance.random() < 0.7:
                with suppress(RuntimeError):
                    await misuse_websocket(address, chance)
            else:
                with suppress(
                    ClientError
                ):  # the server may close a connection whose request it did not read to the end
                    await misuse_polling(address, chance, http)
        for session in [*app.sio.eio.sockets.values()]:
            if session.core.transport_name == "polling":
                app.sio.eio.close(session.sid, "test is over")
        await until(app.is_empty, "no client is left")
        gc.collect()
        assert resident_bytes() - before < 5_000_000
        assert not [record for record in caplog.records if record.levelno >= logging.ERROR or record.exc_info]
        socket = await WebSocket.open(address, PATH)
        await socket.receive()
        socket.send("40")
        await socket.receive()
        socket.send('42["message","valid"]')
        assert await socket.receive() == '42["message-back","valid"]'
        socket.drop()
