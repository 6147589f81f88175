"""The programs of the adapter's README, run as printed: several processes on a real Redis."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import socketio

from tests.readme_programs import filled, started
from tests.servers import base_environment, free_port
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[3]
CLIENTS = 12


def program(name: str, redis_url: str, **changes: str) -> str:
    """Return a program of the adapter's README with the test's addresses."""
    return filled(ROOT / "adapter" / "README.md", f"# {name}\n", {"redis://localhost:6379/0": redis_url, **changes})


@asynccontextmanager
async def clients(*ports: int) -> AsyncIterator[list[socketio.AsyncClient]]:
    """Connect CLIENTS clients, evenly to all ports. Each records the received messages in `said`."""
    made = []
    for number in range(CLIENTS):
        client = socketio.AsyncClient(reconnection=False)
        client.said = []
        client.on("said", client.said.append)
        url = f"http://127.0.0.1:{ports[number % len(ports)]}"
        await client.connect(url, transports=["websocket"], wait_timeout=10)
        made.append(client)
    try:
        yield made
    finally:
        for client in made:
            await client.disconnect()


async def exchange_messages(found: list[socketio.AsyncClient]) -> set[str]:
    """Let each client send a message; check that all receive all in one order. Return the nodes of the clients."""
    for number, client in enumerate(found):
        await client.emit("say", f"{number}")
    await until(lambda: all(len(client.said) == len(found) for client in found), "all clients have all messages", 20)
    assert all(client.said == found[0].said for client in found)
    return {client.get_sid().partition(".")[0] for client in found}


async def test_two_processes_of_the_aiohttp_program_share_messages(redis_url: str, tmp_path: Path) -> None:
    ports = [free_port(), free_port()]
    for port in ports:
        text = program("aiohttp_app.py", redis_url, **{"port=8000": f"port={port}"})
        (tmp_path / f"app{port}.py").write_text(text)
    with started(tmp_path, ports[0], f"app{ports[0]}.py"), started(tmp_path, ports[1], f"app{ports[1]}.py"):
        async with clients(*ports) as found:
            assert len(await exchange_messages(found)) == 2


async def test_two_workers_of_the_asgi_program_share_messages(redis_url: str, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "asgi_app.py").write_text(program("asgi_app.py", redis_url))
    with started(tmp_path, port, "-m", "uvicorn", "asgi_app:app", "--workers", "2", "--port", str(port)) as log:
        await until(lambda: log.read_text().count("Application startup complete") == 2, "both workers serve", 30)
        async with clients(port) as found:
            nodes = await exchange_messages(found)
        assert 1 <= len(nodes) <= 2
        assert "Traceback" not in log.read_text()


async def test_a_second_worker_with_the_same_node_name_refuses_to_start(redis_url: str, tmp_path: Path) -> None:
    """The second worker logs the reason and exits. The clients of the first worker still get all messages."""
    port = free_port()
    text = program("asgi_app.py", redis_url)
    (tmp_path / "asgi_app.py").write_text(text.replace('/0")', '/0", node="same")'))
    with started(tmp_path, port, "-m", "uvicorn", "asgi_app:app", "--workers", "2", "--port", str(port)) as log:
        await until(lambda: "another process has the node name same" in log.read_text(), "the refusal", 30)
        await until(lambda: "Application startup failed" in log.read_text(), "the second worker has ended", 30)
        assert log.read_text().count("Application startup complete") == 1
        async with asyncio.timeout(30):
            async with clients(port) as found:
                assert await exchange_messages(found) == {"gsame"}


async def test_the_publishing_program_reaches_all_clients(redis_url: str, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "asgi_app.py").write_text(program("asgi_app.py", redis_url))
    (tmp_path / "publish.py").write_text(program("publish.py", redis_url))
    with started(tmp_path, port, "-m", "uvicorn", "asgi_app:app", "--port", str(port)):
        async with clients(port) as found:
            command = [sys.executable, "publish.py"]
            done: Any = await asyncio.to_thread(
                subprocess.run, command, cwd=tmp_path, env=base_environment(), capture_output=True, timeout=30
            )
            assert done.returncode == 0, done.stderr
            await until(
                lambda: all(client.said == ["Good morning"] for client in found), "all clients have the message"
            )


@pytest.mark.parametrize("name", ["aiohttp_app.py", "asgi_app.py", "publish.py"])
def test_every_program_compiles(name: str) -> None:
    compile(program(name, "redis://localhost:6379/0"), name, "exec")
