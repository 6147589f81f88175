"""Real gateway processes for the tests, and a client that records every event."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from socket import SHUT_RDWR
from typing import Any, NamedTuple
from uuid import uuid4

import aiohttp
import redis
import socketio

from roomcast.contract.tokens import sign
from roomcast.engineio.websocket.rfc6455 import CONTINUATION, TEXT
from tests import health, servers
from tests.waiting import until
from tests.websocket_frames import masked

ROOT = Path(__file__).resolve().parents[1]
SECRET = "a secret of the tests longer than 32 bytes"
CLUSTER_KEY = "a cluster key of the tests longer than 32 bytes"
WITHIN_SECONDS = 15.0
"""Default time limit of the waits of `Client` and `Raw`."""

Predicate = Callable[[dict[str, Any]], bool]
Json = dict[str, Any]


class Gateway(NamedTuple):
    """A running gateway."""

    node: str
    port: int
    metrics_port: int
    process: subprocess.Popen[bytes]
    log: Path
    trust: Path | None = None
    """The certificate of the authority that signed the gateway's certificate; None without TLS."""

    @property
    def url(self) -> str:
        return f"{'http' if self.trust is None else 'https'}://127.0.0.1:{self.port}"

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body of a page on the health port; the status is 0 while no process listens."""
        return health.get(self.metrics_port, path, self.trust)

    @property
    def is_ready(self) -> bool:
        return health.is_ready(self.metrics_port, self.trust)

    def metric(self, line: str) -> float:
        """Return the value of one sample; 0 when it is missing."""
        return health.metric(self.metrics_port, line)

    def kill(self) -> None:
        """Send SIGKILL: connections end without a close frame."""
        self.process.kill()
        self.process.wait()

    def stop(self, seconds: float = 12.0) -> None:
        """Send SIGTERM if the process runs; check its exit code (0, or that of `kill`) and its log (no traceback)."""
        is_dead = self.process.poll() is not None
        if not is_dead:
            self.process.terminate()
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"gateway {self.node} did not end within {seconds:g} s:\n{self.said()}") from None
        assert code == 0 or (is_dead and code == -signal.SIGKILL), f"exit code {code}:\n{self.said()}"
        self.check_log()

    def check_log(self) -> None:
        """Check that the log contains no traceback so far."""
        at = self.said().find("Traceback")
        assert at < 0, self.said()[max(0, at - 200) : at + 3_000].replace("\\n", "\n")

    def said(self) -> str:
        return self.log.read_text(errors="replace")


def environment(redis_url: str, node: str, port: int, metrics_port: int, **more: str) -> dict[str, str]:
    """Return the whole environment of a gateway; `more`: settings without the prefix ROOMCAST_."""
    own = {
        "REDIS_URL": redis_url,
        "JWT_SECRET": SECRET,
        "NODE": node,
        "PORT": str(port),
        "METRICS_PORT": str(metrics_port),
    } | more
    return servers.base_environment() | {f"ROOMCAST_{name}": value for name, value in own.items()}


@contextmanager
def gateway(folder: Path, redis_url: str, node: str = "1", *, is_ready: bool = True, **more: str) -> Iterator[Gateway]:
    """Run a gateway process; `more`: settings without the prefix ROOMCAST_. Leaving the context calls `stop`.

    With `is_ready=False`, do not wait until the gateway is ready, only until it listens.
    """
    with _started(folder, redis_url, node, more) as running:
        servers.wait_until(lambda: _serves(running, is_ready), f"gateway {node}")
        yield running


@contextmanager
def gateways(
    folder: Path, redis_url: str, count: int = 2, trust: Path | None = None, /, **more: str
) -> Iterator[list[Gateway]]:
    """Run gateways numbered from 1, started at the same time. `trust`: the authority of their TLS certificates."""
    with ExitStack() as stack:
        running = [stack.enter_context(_started(folder, redis_url, str(n + 1), more, trust)) for n in range(count)]
        servers.wait_until(lambda: all(_serves(one, is_ready=True) for one in running), "gateways")
        yield running


@contextmanager
def _started(
    folder: Path, redis_url: str, node: str, settings: dict[str, str], trust: Path | None = None
) -> Iterator[Gateway]:
    port, metrics_port = servers.free_port(), servers.free_port()
    log = folder / f"gateway-{node}-{port}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "roomcast.gateway"],
            cwd=ROOT,
            env=environment(redis_url, node, port, metrics_port, **settings),
            stdout=file,
            stderr=file,
        )
    running = Gateway(node, port, metrics_port, process, log, trust)
    try:
        yield running
    except BaseException:
        servers.stop(process)
        raise
    running.stop()


def _serves(running: Gateway, is_ready: bool) -> bool:
    assert running.process.poll() is None, running.said()
    return servers.is_listening(running.port) and (running.is_ready or not is_ready)


def run_once(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m roomcast.gateway` with only these settings until it exits, for starts that fail."""
    return subprocess.run(
        [sys.executable, "-m", "roomcast.gateway", *arguments],
        cwd=ROOT,
        env=servers.base_environment() | {f"ROOMCAST_{name}": value for name, value in settings.items()},
        capture_output=True,
        text=True,
        timeout=60,
    )


def token(user: str, **claims: Any) -> str:
    """Sign a token with SECRET for a user who may create rooms; `claims`: `seconds`, `name` and any other claim."""
    return sign(SECRET, user, **{"create": ["*"], **claims})


def unique(prefix: str) -> str:
    """Return `prefix` with a random suffix: a name that no other test uses."""
    return f"{prefix}-{uuid4().hex[:8]}"


class Client:
    """A python-socketio client that records every event."""

    def __init__(self, user: str) -> None:
        self.user = user
        self.events: list[tuple[str, Json]] = []
        self.io = socketio.AsyncClient(reconnection=False)
        self.io.on("*", self._take)
        self.io.on("disconnect", self._went)
        self.gone = asyncio.Event()
        self._news = asyncio.Event()

    async def connect(
        self,
        url: str,
        token_: str | None = None,
        transports: tuple[str, ...] = ("websocket",),
        presence: Json | None = None,
        **claims: Any,
    ) -> Json:
        """Sign in, with the status and note of `presence`; return `ready`.

        Raises socketio.exceptions.ConnectionError.
        """
        auth = {"token": token(self.user, **claims) if token_ is None else token_, **(presence or {})}
        self.gone.clear()
        await self.io.connect(url, auth=auth, transports=list(transports), wait_timeout=10)
        return await self.expect("ready")

    async def call(self, event: str, payload: Any = None) -> Json:
        """Emit an event and return its ack."""
        answer: Json = await self.io.call(event, {} if payload is None else payload, timeout=10)
        return answer

    async def ok(self, event: str, payload: Any = None) -> Json:
        """Emit an event and return its ack, which must be positive."""
        answer = await self.call(event, payload)
        assert answer["ok"] is True, answer
        return answer

    async def invite(self, room: str, user: str, role: str | None = None) -> None:
        """Invite a user; retry, because a user who has just connected is unknown until presence is written."""
        payload = {"room": room, "user": user} | ({"role": role} if role else {})

        async def is_invited() -> bool:
            answer = await self.call("room:invite", payload)
            assert answer["ok"] or answer["error"].get("detail") == "no such user", answer
            return bool(answer["ok"])

        await until(is_invited, f"{user} is known")

    async def refused(self, event: str, payload: Any = None) -> str:
        """Emit an event; return the reason of its ack, which must be negative."""
        answer = await self.call(event, payload)
        assert answer["ok"] is False, answer
        return str(answer["error"]["reason"])

    async def join(self, room: str, **more: Any) -> Json:
        return await self.ok("room:join", {"room": room, **more})

    async def send(self, room: str, text: str, message_id: str | None = None) -> Json:
        return await self.ok("message:send", {"room": room, "id": message_id or uuid4().hex, "text": text})

    async def expect(self, event: str, matches: Predicate = lambda _: True, within: float = WITHIN_SECONDS) -> Json:
        """Return the first matching event of this name; wait if none has arrived."""
        async with asyncio.timeout(within):
            while True:
                self._news.clear()
                if found := self.seen(event, matches):
                    return found[0]
                await self._news.wait()

    async def expect_text(self, text: str, within: float = WITHIN_SECONDS) -> Json:
        return await self.expect("message", lambda m: m.get("text") == text, within)

    def seen(self, event: str, matches: Predicate = lambda _: True) -> list[Json]:
        return [data for name, data in self.events if name == event and matches(data)]

    def texts(self, room: str) -> list[str]:
        """Return the texts received in a room, in order."""
        return [m["text"] for m in self.seen("message", lambda m: m["room"] == room and "text" in m)]

    async def expect_gone(self, within: float = WITHIN_SECONDS) -> None:
        """Wait until the gateway has disconnected this client."""
        async with asyncio.timeout(within):
            await self.gone.wait()

    async def cut(self) -> None:
        """Close the TCP connection without a close frame."""
        await self.io.eio.http.close()

    async def close(self) -> None:
        await self.io.disconnect()
        await self.io.shutdown()

    async def _take(self, event: str, data: Any = None) -> None:
        self.events.append((event, data))
        self._news.set()

    async def _went(self, *_: Any) -> None:
        self.gone.set()


class Clients:
    """A factory of connected clients; `close` disconnects all of them."""

    def __init__(self) -> None:
        self.all: list[Client] = []

    async def __call__(self, gateway: Gateway, user: str, **options: Any) -> Client:
        client = Client(user)
        self.all.append(client)
        await client.connect(gateway.url, **options)
        return client

    async def close(self) -> None:
        await asyncio.gather(*(client.close() for client in self.all), return_exceptions=True)


class Raw:
    """A WebSocket on which a test sends and reads raw Engine.IO frames."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.frames: list[str | bytes] = []

    async def send(self, *frames: str | bytes) -> None:
        for frame in frames:
            await (self.socket.send_str(frame) if isinstance(frame, str) else self.socket.send_bytes(frame))

    async def send_in_pieces(self, *frames: str) -> None:
        """Send text messages in one write: the first fragmented into two frames, the others whole."""
        first, *rest = (frame.encode() for frame in frames)
        pieces = masked(TEXT, first[:5], fin=False) + masked(CONTINUATION, first[5:])
        transport: Any = self.socket._conn.transport  # type: ignore[union-attr]
        transport.write(pieces + b"".join(masked(TEXT, frame) for frame in rest))

    def abort(self) -> None:
        """End the TCP connection at once, without a close frame."""
        self.socket.get_extra_info("socket").shutdown(SHUT_RDWR)

    async def sign_in(self, user: str, **claims: Any) -> None:
        await self.send("40" + json.dumps({"token": token(user, **claims)}))
        await self.until(lambda frame: frame.startswith("42") and "ready" in frame)

    async def until(self, matches: Callable[[str], bool], within: float = WITHIN_SECONDS) -> str:
        """Read until a text frame matches; raise AssertionError when the socket closes first."""
        async with asyncio.timeout(within):
            while True:
                message = await self.socket.receive()
                assert message.type is aiohttp.WSMsgType.TEXT, (message, self.frames)
                self.frames.append(message.data)
                if message.data == "2":
                    await self.socket.send_str("3")
                if matches(message.data):
                    return str(message.data)

    async def ack(self, number: int) -> Json:
        """Return the ack with this number."""
        head = f"43{number}["
        heard = [frame for frame in self.frames if isinstance(frame, str) and frame.startswith(head)]
        frame = heard[0] if heard else await self.until(lambda frame: frame.startswith(head))
        answer: Json = json.loads(frame[len(head) - 1 :])[0]
        return answer

    async def until_closed(self, within: float = WITHIN_SECONDS) -> list[str]:
        """Read until the gateway closes the socket; return the frames before that."""
        said: list[str] = []
        async with asyncio.timeout(within):
            async for message in self.socket:
                if message.data == "2":
                    await self.socket.send_str("3")
                said.append(str(message.data))
        return said


@asynccontextmanager
async def raw(gateway: Gateway) -> AsyncIterator[Raw]:
    """Open a WebSocket and complete its Engine.IO handshake."""
    url = f"{gateway.url}/socket.io/?EIO=4&transport=websocket"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        opened = await socket.receive_str(timeout=WITHIN_SECONDS)
        assert opened.startswith("0{"), opened
        yield Raw(socket)


@contextmanager
def store(redis_url: str) -> Iterator[redis.Redis]:
    """Open a plain Redis connection, to check what gateways have written."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client
