"""The tools of chaos experiments on real servers: proxy, Redis admin client, shifted clock, processes."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hiredis
import pytest

from loadtest.chaos.proxy import Proxy
from loadtest.chaos.redis_admin import RedisAdmin, RedisAway
from loadtest.chaos.unsupervised import Private, private
from tests.servers import free_port, wait_until

SHIFTED_CLOCK = Path(__file__).resolve().parents[2] / "loadtest" / "chaos" / "shifted_clock"


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    """Run an echo server; yield its port."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    port = free_port()
    async with await asyncio.start_server(say, "127.0.0.1", port):
        yield port


@pytest.fixture
async def proxy(echo: int) -> AsyncIterator[tuple[Proxy, int]]:
    made, port = Proxy(echo), free_port()
    await made.listen(port)
    yield made, port
    await made.close()


async def test_a_delaying_proxy_keeps_the_order_of_data(proxy: tuple[Proxy, int]) -> None:
    made, port = proxy
    delays = iter([0.05, 0.0, 0.03] + [0.0] * 100)
    made.delay = lambda: next(delays)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in range(5):
        writer.write(b"%d" % number)
        await asyncio.sleep(0)
    assert await reader.readexactly(5) == b"01234"
    writer.close()


async def test_deafen_drops_data_only_on_connections_that_sent_the_text(proxy: tuple[Proxy, int]) -> None:
    made, port = proxy
    links = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    for name, (reader, writer) in zip((b"one", b"two"), links, strict=True):
        writer.write(name)
        assert await reader.readexactly(3) == name
    assert made.deafen(b"one") == 1
    for _, writer in links:
        writer.write(b"more")
    assert await links[1][0].readexactly(4) == b"more"
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(links[0][0].readexactly(4), 0.1)
    for _, writer in links:
        writer.close()


async def test_the_admin_client_returns_replies_and_errors(redis_url: str) -> None:
    admin = RedisAdmin(redis_url)
    assert await admin.call("SET", "k", "v") == "OK"
    assert await admin.pipeline([("GET", "k"), ("GET", "nothing")]) == ["v", None]
    assert (await admin.info("server"))["tcp_port"].strip() == str(admin.target.hosts[0][1])
    with pytest.raises(hiredis.ReplyError, match="wrong number"):
        await admin.call("GET")


async def test_move_makes_redis_listen_on_the_given_port(redis_url: str) -> None:
    admin = RedisAdmin(redis_url)
    old, new = admin.target.hosts[0][1], free_port()
    await admin.move(new)
    try:
        assert await admin.call("PING") == "PONG"
        with pytest.raises(RedisAway):
            await RedisAdmin(redis_url).call("PING")
    finally:
        await admin.move(old)
    assert await RedisAdmin(redis_url).call("PING") == "PONG"


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Private]:
    with private(tmp_path) as made:
        yield made


def test_sitecustomize_shifts_the_wall_clock_of_a_process(processes: Private) -> None:
    argv = [sys.executable, "-c", "import time; print(time.time(), flush=True)"]
    processes.start("late", argv, {"PYTHONPATH": str(SHIFTED_CLOCK), "CHAOS_CLOCK_SECONDS": "-3600"})
    wait_until(lambda: processes.log("late").endswith("\n"), "the process prints its time")
    assert float(processes.log("late")) == pytest.approx(time.time() - 3600, abs=30)


def test_start_again_restarts_a_killed_process(processes: Private) -> None:
    processes.start("sleeper", ["sleep", "60"])
    before = processes.pid("sleeper")
    processes.signal("sleeper", signal.SIGKILL)
    processes.start_again("sleeper")
    assert processes.pid("sleeper") != before
