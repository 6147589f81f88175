"""Measure how attacks slow down other clients of a gateway: `python -m tests.attack.figures`.

A bystander sends an event and awaits its ack 50 times a second, first while the gateway is at rest, then under attack.
The bystander and the attackers run in processes of their own. Run this program on an otherwise idle machine.

Each attack prints one line:

- `rest`, `attack`: p50 and p99 of the bystander's response times in ms, at rest and under attack
- `x`: the p99 under attack, divided by the p99 at rest
- `late`: how many events the bystander sent late, because the previous ack had not arrived
- `turns`: turns of the gateway's event loop that took more than 50 ms of CPU time
- `ran`, `waited`: time that the gateway ran, and time that it waited for a processor, as shares of the attack's time
- `MB`: resident memory of the gateway before the attack, at its end, and 15 s later
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Any, Final, NamedTuple

import aiohttp
import psutil

from roomcast.engineio.websocket.rfc6455 import PONG, TEXT
from tests import gateways, servers
from tests.gateways import token
from tests.websocket_frames import masked

QUIET_SECONDS: Final = 5.0
ATTACK_SECONDS: Final = 10.0
REST_SECONDS: Final = 15.0
PROBES_PER_SECOND: Final = 50


class Answers(NamedTuple):
    """Response times, in ms."""

    p50: float
    p99: float
    late: int
    """Number of probes that were sent late, because the previous answer had not arrived."""


async def _connect(port: int, user: str, source: int = 0) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a WebSocket session from the loopback address number `source`. Sign in if `user` is not empty."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(_address(source), 0))
    head = (
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    writer.write(head.encode())
    await reader.readuntil(b"\r\n\r\n")
    if user:
        writer.write(masked(TEXT, b"40" + json.dumps({"token": token(user)}).encode()))
        await reader.readuntil(b"heartbeat_seconds")
    return reader, writer


def _address(source: int) -> str:
    return f"127.0.{1 + source // 250}.{1 + source % 250}"


# --- attackers, each in a process of its own ---


async def _flood(port: int, frames: bytes, *, user: str = "", again: bool) -> None:
    """Write frames as fast as the gateway reads them. With `again`, reconnect when the gateway has closed."""
    while True:
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await _connect(port, user)
            drain = asyncio.ensure_future(_discard(reader))
            while not writer.is_closing() and not drain.done():
                writer.write(frames)
                await writer.drain()
            drain.cancel()
            writer.close()
        if not again:
            await asyncio.sleep(3600)
        await asyncio.sleep(0.05)


async def _discard(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while await reader.read(65_536):
            pass


async def ten_flooders(port: int) -> None:
    """Run ten clients that send pongs and noops without signing in, and reconnect when the gateway closes."""
    frames = (masked(TEXT, b"6") + masked(PONG, b"")) * 2_000
    await asyncio.gather(*(_flood(port, frames, again=True) for _ in range(10)))


async def two_hundred_talkers(port: int, users: int = 1, *, join: bool = False) -> None:
    """Run 200 connections that send 100 messages a second each. With `join`, each also receives all messages."""

    async def talk(user: str, source: int) -> None:
        while True:
            with suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await _connect(port, user, source)
                drain = asyncio.ensure_future(_discard(reader))
                number = 0
                if join:
                    writer.write(masked(TEXT, b'420["room:join",{"room":"public:flood"}]'))
                while not writer.is_closing() and not drain.done():
                    for _ in range(10):
                        number += 1
                        event = ["message:send", {"room": "public:flood", "id": f"m{number}", "text": "x" * 2_000}]
                        writer.write(masked(TEXT, f"42{number}{json.dumps(event)}".encode()))
                    await writer.drain()
                    await asyncio.sleep(0.1)
                drain.cancel()
                writer.close()
            await asyncio.sleep(0.5)

    await asyncio.gather(*(talk(f"flood{number % users}", 1 + number % users) for number in range(200)))


async def two_hundred_pollers(port: int) -> None:
    """Run 200 users that post bodies of 200 small events, as fast as the gateway accepts them."""

    async def poll(user: str, source: int) -> None:
        body = b"\x1e".join(b'42%d["user:blocked",{}]' % number for number in range(200))
        while True:
            with suppress(aiohttp.ClientError, OSError, KeyError, ValueError):
                local = (_address(source), 0)
                async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=local)) as http:
                    url = f"http://127.0.0.1:{port}/socket.io/?EIO=4&transport=polling"
                    async with http.get(url) as answer:
                        url += f"&sid={json.loads((await answer.text())[1:])['sid']}"
                    await (await http.post(url, data="40" + json.dumps({"token": token(user)}))).read()
                    while (await http.post(url, data=body)).status == 200:
                        await (await http.get(url)).read()
            await asyncio.sleep(0.5)

    await asyncio.gather(*(poll(f"poll{number}", 1 + number) for number in range(200)))


async def mass_reconnect(port: int) -> None:
    """Run 1,000 clients that repeatedly lose their connections at the same time and reconnect as fast as they can."""
    while True:
        come_back = (asyncio.wait_for(_connect(port, f"user{n}", 1 + n), 5) for n in range(1_000))
        made = await asyncio.gather(*come_back, return_exceptions=True)
        for pair in made:
            if isinstance(pair, tuple):
                pair[1].transport.abort()
        await asyncio.sleep(0.2)


async def nested_connects(port: int) -> None:
    """Send CONNECT packets of nested JSON, as large as strangers may send them, one per session."""
    packet = masked(TEXT, b"40" + b'{"a":["]"]},' * 1_200)
    await asyncio.gather(*(_flood(port, packet, again=True) for _ in range(4)))


async def history_readers(port: int) -> None:
    """Read pages of messages of the maximum size on four connections of one user, as often as the limits allow."""
    room = "public:large"

    async def read(*, writes: bool) -> None:
        reader, writer = await _connect(port, "reader")
        drain = asyncio.ensure_future(_discard(reader))
        for number in range(100 if writes else 0):
            event = ["message:send", {"room": room, "id": f"m{number}", "text": "x" * 16_000}]
            writer.write(masked(TEXT, f"421{json.dumps(event)}".encode()))
            await asyncio.sleep(0.02)
        history = masked(TEXT, f'422["message:history",{{"room":"{room}","limit":100}}]'.encode())
        while not drain.done():
            writer.write(history)
            await writer.drain()
            await asyncio.sleep(0.02)

    while True:
        with suppress(OSError, asyncio.IncompleteReadError):
            await asyncio.gather(*(read(writes=number == 0) for number in range(4)))
        await asyncio.sleep(0.05)


async def list_readers(port: int) -> None:
    """Request a list of 100 rooms on four connections of one user, as often as the limits allow."""
    _, writer = await _connect(port, "reader")
    for number in range(100):
        writer.write(masked(TEXT, f'421["message:history",{{"room":"public:list{number}"}}]'.encode()))
        writer.write(masked(TEXT, f'421["room:join",{{"room":"public:list{number}"}}]'.encode()))
        await asyncio.sleep(0.02)
    asking = masked(TEXT, b'422["room:list",{"limit":100}]')

    async def ask() -> None:
        reader, writer = await _connect(port, "reader")
        drain = asyncio.ensure_future(_discard(reader))
        while not drain.done():
            writer.write(asking)
            await writer.drain()
            await asyncio.sleep(0.02)

    while True:
        with suppress(OSError, asyncio.IncompleteReadError):
            await asyncio.gather(*(ask() for _ in range(4)))
        await asyncio.sleep(0.05)


ATTACKS: Final[dict[str, Callable[[int], Any]]] = {
    "ten flooders": ten_flooders,
    "200 talkers": two_hundred_talkers,
    "200 users": partial(two_hundred_talkers, users=200),
    "200 in a room": partial(two_hundred_talkers, users=200, join=True),
    "200 pollers": two_hundred_pollers,
    "mass reconnect": mass_reconnect,
    "nested connects": nested_connects,
    "history readers": history_readers,
    "list readers": list_readers,
}


def _attack(name: str, port: int) -> None:
    logging.disable()
    with suppress(KeyboardInterrupt):
        asyncio.run(ATTACKS[name](port))


# --- the bystander ---


async def _measure(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> Answers:
    """Request the list of blocked users repeatedly, and measure the time until each ack."""
    times, late, ends = [], 0, time.perf_counter() + seconds
    due = time.perf_counter()
    while due < ends:
        due += 1 / PROBES_PER_SECOND
        pause = due - time.perf_counter()
        if pause > 0:
            await asyncio.sleep(pause)
        else:
            late += 1
        started = time.perf_counter()
        writer.write(masked(TEXT, b'427["user:blocked",{}]'))
        await reader.readuntil(b"437[")
        times.append((time.perf_counter() - started) * 1e3)
    cuts = quantiles(times, n=100)
    return Answers(cuts[49], cuts[98], late)


def _bystander(port: int, answers: Any, is_begun: Any) -> None:
    """Measure at rest. Measure again on the same connection, one second after the attack has begun."""

    async def run() -> None:
        reader, writer = await _connect(port, "bystander")
        answers.put(await _measure(reader, writer, QUIET_SECONDS))
        await asyncio.to_thread(is_begun.wait)
        await asyncio.sleep(1.0)
        answers.put(await _measure(reader, writer, ATTACK_SECONDS))

    asyncio.run(run())


def _long_turns(gateway: gateways.Gateway) -> float:
    """Return the number of turns of the event loop that took more than 50 ms of CPU time."""
    rows = dict(row.rsplit(" ", 1) for row in gateway.get("/metrics")[1].splitlines() if row[:1] != "#")
    name = "roomcast_gateway_loop_busy_seconds"
    return float(rows[f"{name}_count"]) - float(rows[f'{name}_bucket{{le="0.05"}}'])


class Scheduled(NamedTuple):
    """Seconds that a process has run, and seconds that it has waited for a processor, at the time `at`."""

    ran: float
    waited: float
    at: float

    @classmethod
    def of(cls, pid: int) -> Scheduled:
        """Read the figures of a process, summed over its threads (Linux)."""
        rows = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/schedstat")]
        return cls(sum(int(row[0]) for row in rows) / 1e9, sum(int(row[1]) for row in rows) / 1e9, time.monotonic())

    def since(self, before: Scheduled) -> str:
        """Return a text with both figures, as percentages of the time since `before`."""
        percent = 100 / (self.at - before.at)
        return f"ran {(self.ran - before.ran) * percent:3.0f} % waited {(self.waited - before.waited) * percent:3.0f} %"


def measure(name: str, folder: Path) -> str:
    """Run one attack against a new gateway; return the line of figures."""
    with servers.redis_server(folder) as port, gateways.gateway(folder, f"redis://127.0.0.1:{port}/0") as gateway:
        answers: Any = multiprocessing.Queue()
        is_begun = multiprocessing.Event()
        multiprocessing.Process(target=_bystander, args=(gateway.port, answers, is_begun), daemon=True).start()
        quiet: Answers = answers.get(timeout=QUIET_SECONDS + 30)
        return (
            f"{name:16}  rest {quiet.p50:6.1f} {quiet.p99:6.1f}   {_attacked(name, gateway, quiet, answers, is_begun)}"
        )


def _attacked(name: str, gateway: gateways.Gateway, quiet: Answers, answers: Any, is_begun: Any) -> str:
    """Run the attack; return the part of the line after the figures at rest."""
    process = psutil.Process(gateway.process.pid)
    before, turns, scheduled = process.memory_info().rss, _long_turns(gateway), Scheduled.of(process.pid)
    attacker = multiprocessing.Process(target=_attack, args=(name, gateway.port), daemon=True)
    attacker.start()
    is_begun.set()
    try:
        attacked: Answers = answers.get(timeout=ATTACK_SECONDS + 30)
        shares = Scheduled.of(process.pid).since(scheduled)
        during, turns = process.memory_info().rss, _long_turns(gateway) - turns
    finally:
        attacker.kill()
        attacker.join()
    time.sleep(REST_SECONDS)
    after = process.memory_info().rss
    return (
        f"attack {attacked.p50:6.1f} {attacked.p99:7.1f}   x{attacked.p99 / quiet.p99:6.1f}   late {attacked.late:3}"
        f"   turns {turns:3.0f}   {shares}   MB {before / 1e6:5.0f} {during / 1e6:5.0f} {after / 1e6:5.0f}"
    )


def main() -> int:
    """Print one line for each attack that the command line names, or for all."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack.figures", description=__doc__)
    parser.add_argument(
        "attacks", nargs="*", default=list(ATTACKS), help=f"attacks to run: {', '.join(ATTACKS)} (default: all)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        for number, name in enumerate(options.attacks):
            folder = Path(made) / str(number)
            folder.mkdir()
            sys.stdout.write(measure(name, folder) + "\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
