"""The README's recipe for stock clients shows every message once and in order over reconnects.

TypeScript compiles the recipe (`chat.ts`) and the component that uses it. The tests then run the recipe, with one added
option that fixes the transport. They do not run the component.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy import web_build
from deploy.cluster import Cluster
from deploy.layout import ROOT
from roomcast.contract.backend import Backend, connect
from roomcast.contract.tokens import sign
from tests.waiting import until

ROOM = "public:recipe"
RUNNER = Path(__file__).with_name("client") / "recipe.mjs"
BREAK_SECONDS = 1.5
"""Seconds between two breaks of the connections."""
RATE = 160
MISSED = 1_000
TYPES = {"module": "ESNext", "moduleResolution": "bundler", "target": "ES2022", "lib": ["ES2022", "DOM"]}


def recipe_blocks() -> tuple[str, str]:
    """Return the README's recipe (`chat.ts`), and the component that uses it."""
    readme = (ROOT / "README.md").read_text()
    (chat,) = re.findall(r"```ts\n(// chat\.ts\n.*?)```", readme, re.DOTALL)
    (component,) = re.findall(r"```tsx\n(.*?)```", readme, re.DOTALL)
    return chat, component


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the README's two blocks unchanged with TypeScript's `strict`; return the folder with chat.js."""
    web_build.install_packages(ROOT / "web")
    folder = tmp_path_factory.mktemp("recipe")
    (folder / "node_modules").symlink_to(ROOT / "web" / "node_modules")
    (folder / "package.json").write_text('{"type": "module"}')
    chat, component = recipe_blocks()
    (folder / "chat.ts").write_text(chat)
    (folder / "Chat.tsx").write_text(component)
    options = TYPES | {
        "strict": True,
        "jsx": "react-jsx",
        "jsxImportSource": "preact",
        "skipLibCheck": True,
        "types": [],
        "paths": {"react": ["./node_modules/preact/compat"]},
    }
    config = {"compilerOptions": options, "files": ["chat.ts", "Chat.tsx"]}
    (folder / "tsconfig.json").write_text(json.dumps(config))
    done = subprocess.run(
        [folder / "node_modules" / ".bin" / "tsc", "-p", folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    return folder


def with_transport(compiled: Path, transport: str) -> Path:
    """Return the compiled recipe with `transports` set to one transport."""
    source = (compiled / "chat.js").read_text()
    changed = source.replace("io(url, {", f'io(url, {{ transports: ["{transport}"],', 1)
    assert changed != source
    path = compiled / f"chat-{transport}.js"
    path.write_text(changed)
    return path


class Reader:
    """A Node process that runs the recipe, and the messages that the recipe has shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[int, str]] = []
        self.clears = 0
        self.nodes: list[str] = []

    @asynccontextmanager
    async def run(self, recipe: Path, url: str, token: str) -> AsyncIterator[Reader]:
        node = shutil.which("node")
        assert node is not None
        pipe = asyncio.subprocess.PIPE
        arguments = (node, str(RUNNER), str(recipe), url, token, ROOM)
        self._process = await asyncio.create_subprocess_exec(*arguments, stdin=pipe, stdout=pipe)
        reading = asyncio.create_task(self._read())
        try:
            yield self
            assert self._process.stdin is not None
            self._process.stdin.close()
            assert await asyncio.wait_for(self._process.wait(), 10) == 0
        finally:
            if self._process.returncode is None:
                self._process.kill()
                await self._process.wait()
            await reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            if "show" in said:
                self.shown.append((said["show"][0], said["show"][1]))
            elif "ready" in said:
                self.nodes.append(str(said["ready"]))
            else:
                self.clears += 1

    def tell(self, order: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{order}\n".encode())

    @property
    def last(self) -> int:
        return self.shown[-1][0] if self.shown else 0

    def faults(self) -> tuple[int, int]:
        """Return the number of missing and of repeated messages, from the first shown message to the last."""
        seqs = [seq for seq, _ in self.shown]
        return len(set(range(seqs[0], seqs[-1] + 1)) - set(seqs)), len(seqs) - len(set(seqs))


class Writer:
    """A publisher of numbered texts at a rate, until the test stops it."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.last = 0
        self.is_stopped = False

    async def write(self, count: int) -> None:
        for _ in range(count):
            self.last = (await self._backend.publish(ROOM, "writer", f"text {self.last + 1}")).seq

    async def write_on(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self.is_stopped:
            await self.write(1)
            due += 1 / RATE
            await asyncio.sleep(max(0.0, due - loop.time()))


async def break_connections(readers: list[Reader]) -> None:
    """Break the connection of each reader again and again, until cancelled."""
    while True:
        await asyncio.sleep(BREAK_SECONDS)
        for reader in readers:
            reader.tell("break")


@pytest.mark.timeout(240)
async def test_the_recipe_shows_every_message_once_and_in_order(cluster: Cluster, compiled: Path) -> None:
    token = sign(cluster.jwt_secret, "ada", seconds=600)
    polling, websocket = Reader(), Reader()
    readers = [polling, websocket]
    async with (
        connect(cluster.redis_url("backend")) as backend,
        polling.run(with_transport(compiled, "polling"), cluster.url, token),
        websocket.run(with_transport(compiled, "websocket"), cluster.url, token),
    ):
        writer = Writer(backend)
        await writer.write(3)
        await until(lambda: all(reader.nodes and reader.last == 3 for reader in readers), "both have joined", 30)
        writing = asyncio.create_task(writer.write_on())
        breaks = asyncio.create_task(break_connections(readers))
        await until(lambda: all(len(reader.nodes) >= 8 for reader in readers), "eight connections each", 60)

        for name, number in (("gateway1", signal.SIGKILL), ("gateway2", signal.SIGTERM)):
            pid = cluster.kill(name, number)
            await asyncio.to_thread(cluster.wait_replaced, name, pid)
        times = [len(reader.nodes) for reader in readers]
        await until(
            lambda: all(len(r.nodes) >= n + 2 for r, n in zip(readers, times, strict=True)),
            "both have reconnected",
            60,
        )
        breaks.cancel()
        writer.is_stopped = True  # a cancellation could be lost in redis-py, see `TaskSet.cancel`
        await writing
        await until(lambda: all(reader.last >= writer.last for reader in readers), "all messages are shown", 30)

        for reader in readers:
            reader.tell("leave")
        await writer.write(MISSED)
        assert all(reader.last < writer.last - MISSED + 10 for reader in readers)
        for reader in readers:
            reader.tell("return")
        await until(lambda: all(reader.last >= writer.last for reader in readers), "the missed messages are shown", 30)
        await writer.write(1)
        await until(lambda: all(reader.last == writer.last for reader in readers), "the live messages are shown", 30)

    assert [reader.faults() for reader in readers] == [(0, 0), (0, 0)]
    assert [reader.clears for reader in readers] == [1, 1]
    assert all(len({epoch for _, epoch in reader.shown}) == 1 for reader in readers)
    assert all(reader.shown == sorted(reader.shown) for reader in readers)
