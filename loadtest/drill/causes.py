"""Cause each alert with a small fault. A cause runs until it is cancelled, and then applies the fix of the runbook."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Any, Final, Literal, NamedTuple

from loadtest.chaos import gauges
from loadtest.chaos.client_connection import Wire, WireLost, open_wire
from loadtest.chaos.fault_tools import Rig
from loadtest.chaos.faults.network import redis_behind_proxy
from loadtest.chaos.redis_admin import RedisAway
from loadtest.chaos.unsupervised import private
from loadtest.drill.refused_sessions import few_files, no_descriptors, overloaded
from roomcast.contract import keys
from roomcast.contract.envelope import NodeOrder
from roomcast.contract.tokens import sign
from roomcast.wire.envelope import pack
from roomcast.wire.seals import Seals
from roomcast.wire.tasks import TaskSet

_GATEWAY: Final = "gateway1"
_API: Final = "api"
_FOR_EVER: Final = 3600.0
_LONG_TEXT: Final = "x" * 12_000
HOOKED_ROOM: Final = "public:drill-hooked"
"""The room of the publish hook. The hook's endpoint is always down."""


class Cause(NamedTuple):
    """An alert, its cause in the drill, and the fix that clears the alert, as in the runbook."""

    alert: str
    cause: str
    fix: str
    run: Callable[[Rig], Coroutine[Any, Any, None]]


# --- processes that stop ---


def _stopped(name: str) -> Callable[[Rig], Coroutine[Any, Any, None]]:
    async def run(rig: Rig) -> None:
        async with rig.stopped(name):
            await asyncio.sleep(_FOR_EVER)

    return run


def _scaled_away(kind: str) -> Callable[[Rig], Coroutine[Any, Any, None]]:
    async def run(rig: Rig) -> None:
        try:
            await asyncio.to_thread(rig.cluster.control.scale, kind, 0)
            await asyncio.sleep(_FOR_EVER)
        finally:
            await asyncio.to_thread(rig.cluster.control.scale, kind, 1)

    return run


async def _pulses(rig: Rig, name: str, stopped: float, running: float) -> None:
    """Stop and continue a process again and again."""
    while True:
        async with rig.stopped(name):
            await asyncio.sleep(stopped)
        await asyncio.sleep(running)


async def _late_loop(rig: Rig) -> None:
    await _pulses(rig, _GATEWAY, 0.3, 0.1)


async def _slow_drain(rig: Rig) -> None:
    """Drain the gateway with the most clients while its loop is late, again and again."""
    tasks = TaskSet()
    while True:
        placement = rig.crowd.placement()
        node = max(placement, key=lambda name: placement[name])
        pulses = tasks.start(_pulses(rig, f"gateway{node}", 0.9, 0.1), "pulses")
        try:
            await _order(rig, node, "drain")
            await asyncio.sleep(15.0)
        finally:
            pulses.cancel()
            await asyncio.wait({pulses})
            await _order(rig, node, "uncordon")
        await rig.settle(3.0)


# --- Redis ---


async def _killed_connections(rig: Rig) -> None:
    """Close the Redis connections of one gateway faster than the gateway opens them."""
    while True:
        await _kill(rig, lambda row: row.get("name", "").startswith(_connection_name()))
        await asyncio.sleep(0.05)


async def _killed_now_and_then(rig: Rig) -> None:
    while True:
        await _kill(rig, lambda row: row.get("name", "").startswith(_connection_name()))
        await asyncio.sleep(1.0)


async def _lost_publications(rig: Rig) -> None:
    """Close the pub/sub connections of all gateways every 0.7 s: packets published meanwhile are lost."""
    while True:
        await _kill(rig, lambda row: row.get("name", "").endswith("-pubsub"))
        await asyncio.sleep(0.7)


async def _forged(rig: Rig) -> None:
    """Publish to all gateways without the cluster key, like a process that still lacks a new key."""
    order = pack(NodeOrder("0", "uncordon"))
    while True:
        await rig.redis.call("PUBLISH", keys.CONTROL, order)
        await asyncio.sleep(1.0)


async def _deaf(rig: Rig) -> None:
    async with redis_behind_proxy(rig) as proxy:
        while True:
            proxy.deafen(f"{_connection_name()}-pubsub".encode())
            await asyncio.sleep(5.0)


async def _paused_writes(rig: Rig) -> None:
    """Pause all writes in Redis most of the time, like a disk that is too slow."""
    while True:
        await rig.redis.call("CLIENT", "PAUSE", 1500, "WRITE")
        await asyncio.sleep(1.6)


async def _full(rig: Rig) -> None:
    async with _configured(rig, "maxmemory", "1mb"):
        await asyncio.sleep(_FOR_EVER)


async def _flushed(rig: Rig) -> None:
    await rig.redis.call("FLUSHALL")
    await asyncio.sleep(_FOR_EVER)


async def _stalls(rig: Rig) -> None:
    await _pulses(rig, "redis", 12.0, 1.0)


async def _locked_out(rig: Rig) -> None:
    """Switch the API's Redis account off, like a wrong ACL file."""
    await rig.redis.call("ACL", "SETUSER", _API, "off")
    try:
        await rig.redis.call("CLIENT", "KILL", "USER", _API)
        await asyncio.sleep(_FOR_EVER)
    finally:
        await rig.redis.call("ACL", "SETUSER", _API, "on")


async def _failing_requests(rig: Rig) -> None:
    """Send requests to the API while its Redis account is switched off."""
    url = f"http://127.0.0.1:{rig.cluster.ports.api(1)}/v1/users/ada/rooms"
    tasks = TaskSet()
    tasks.start(_locked_out(rig), "the account is off")
    try:
        while True:
            await gauges.get(url, 3.0, {"Authorization": f"Bearer {rig.cluster.control.credentials.api_key}"})
            await asyncio.sleep(0.1)
    finally:
        await tasks.cancel()


# --- clients ---


async def _slow_clients(rig: Rig) -> None:
    """Make one client after another stop reading in a busy room."""
    room, tasks = "public:drill-slow", TaskSet()
    writers = [await _guest(rig, f"writer{number}", room) for number in range(4)]
    try:
        for number, writer in enumerate(writers):
            tasks.start(_flood(writer, room, number), "flood")
        for number in range(200):
            slow = await _guest(rig, f"slow{number}", room)
            slow.pause()
            await asyncio.sleep(0.5)
    finally:
        await tasks.cancel()
        for writer in writers:
            writer.abort("done")


async def _dead_hook(rig: Rig) -> None:
    """Send messages into the room of the publish hook."""
    wire = await _guest(rig, "hooked", HOOKED_ROOM)
    try:
        for number in count():
            await wire.call("message:send", {"room": HOOKED_ROOM, "id": str(number), "text": "hooked"}, 8.0)
            await asyncio.sleep(0.1)
    finally:
        wire.abort("done")


async def _bad_tokens(rig: Rig) -> None:
    while True:
        with suppress(WireLost, OSError):
            wire = await open_wire("127.0.0.1", rig.cluster.ports.page, "127.0.0.1", _ignore)
            await wire.sign_in(sign("another secret that is long enough", "drill"))
        await asyncio.sleep(0.05)


async def _plain(rig: Rig) -> None:
    """Replace the last gateway by one that runs without the compiled extension."""
    count, scale = len(rig.gateways), rig.cluster.control.scale
    await asyncio.to_thread(scale, "gateway", count - 1)
    try:
        with private(rig.cluster.state / "logs") as processes:
            processes.gateway(rig.cluster, count, {"ROOMCAST_HOTPATH": "python"})
            await asyncio.sleep(_FOR_EVER)
    finally:
        await asyncio.to_thread(scale, "gateway", count)


async def _failing_uploads(rig: Rig) -> None:
    """Request upload forms and the verification of uploads while the storage does not answer."""
    tasks = TaskSet()
    try:
        async with rig.stopped("s3"):
            for number in range(5):
                tasks.start(_upload(rig, number), "upload")
            await asyncio.sleep(_FOR_EVER)
    finally:
        await tasks.cancel()


async def _upload(rig: Rig, number: int) -> None:
    room = "public:drill-uploads"
    wire = await _guest(rig, f"uploader{number}", room)
    while True:
        with suppress(TimeoutError):
            announced = {"room": room, "name": "a.png", "type": "image/png", "size": 1000}
            signed = await wire.call("media:sign", announced, 8.0)
            if signed["ok"]:
                await wire.call("media:complete", {"upload": signed["upload"]}, 8.0)
        await asyncio.sleep(0.2)


CAUSES: Final[tuple[Cause, ...]] = (
    Cause("RoomcastGatewayDown", "stop a gateway (SIGSTOP)", "continue or restart the gateway", _stopped(_GATEWAY)),
    Cause(
        "RoomcastNoGatewayReady",
        "stop Redis (SIGSTOP)",
        "let Redis continue; the gateways reconnect",
        _stopped("redis"),
    ),
    Cause(
        "RoomcastGatewayNotReady",
        "close one gateway's Redis connections continuously",
        "repair the network to Redis",
        _killed_connections,
    ),
    Cause(
        "RoomcastDrainStuck", "drain a gateway whose loop is late", "end the drain: `roomcast uncordon`", _slow_drain
    ),
    Cause("RoomcastLoopLag", "stop a gateway for 0.3 s of every 0.4 s", "give the gateway its own core", _late_loop),
    Cause("RoomcastSlowAcks", "repeat `CLIENT PAUSE 1500 WRITE`", "end the pauses; `CLIENT UNPAUSE`", _paused_writes),
    Cause("RoomcastEventErrors", "set `maxmemory` to 1 MiB", "raise `maxmemory`", _full),
    Cause(
        "RoomcastRedisReconnects",
        "close one gateway's Redis connections once a second",
        "stop what closes the connections",
        _killed_now_and_then,
    ),
    Cause(
        "RoomcastMissingPackets",
        "close all pub/sub connections every 0.7 s",
        "stop what closes the connections",
        _lost_publications,
    ),
    Cause("RoomcastResyncs", "`FLUSHALL`", "none: the alert clears by itself", _flushed),
    Cause(
        "RoomcastForgedMessages",
        "publish messages without a seal",
        "give the publishing process the cluster key",
        _forged,
    ),
    Cause(
        "RoomcastCanaryLost",
        "drop the packets that Redis publishes to one gateway",
        "none: the gateway reopens its subscription",
        _deaf,
    ),
    Cause(
        "RoomcastSlowClients",
        "let clients in a busy room stop reading",
        "stop the messages in this room",
        _slow_clients,
    ),
    Cause(
        "RoomcastPublishHookFails",
        "send messages while no server answers at the hook's URL",
        "stop the messages in the hook's room",
        _dead_hook,
    ),
    Cause(
        "RoomcastSignInsRefused",
        "sign in with tokens that another secret has signed",
        "sign tokens with the gateways' secret",
        _bad_tokens,
    ),
    Cause(
        "RoomcastSessionsRefused",
        "lower `nofile` of all gateways while clients connect",
        "raise `nofile`",
        no_descriptors,
    ),
    Cause(
        "RoomcastSessionsRefused",
        "limit all gateways to a fifth of a CPU core while 2,000 clients connect",
        "give the gateways their own cores",
        overloaded,
    ),
    Cause("RoomcastFileDescriptors", "lower `nofile` of a gateway", "raise `nofile`", few_files),
    Cause(
        "RoomcastPlainHotPath",
        "start a gateway with `ROOMCAST_HOTPATH=python`",
        "start the gateway without this setting",
        _plain,
    ),
    Cause("RoomcastNoSweeperLeads", "stop the sweeper", "start a sweeper", _scaled_away("sweeper")),
    Cause("RoomcastExpirySuspended", "stop Redis for 12 s of every 13 s", "end the stalls of Redis", _stalls),
    Cause("RoomcastNoSignerReady", "stop the signer", "start a signer", _scaled_away("signer")),
    Cause("RoomcastStorageDown", "stop the storage (SIGSTOP)", "let the storage continue", _stopped("s3")),
    Cause("RoomcastApiNotReady", "switch the API's Redis account off", "switch the account on", _locked_out),
    Cause(
        "RoomcastApiFailing",
        "switch the API's Redis account off while requests arrive",
        "switch the account on",
        _failing_requests,
    ),
    Cause(
        "RoomcastUploadsFailing",
        "stop the storage (SIGSTOP) while clients upload",
        "let the storage continue",
        _failing_uploads,
    ),
)
"""One cause for every alert, and one for each of two reasons why gateways refuse sessions."""


# --- helpers ---


def _ignore(_name: str, _payload: Any) -> None:
    """Ignore all events."""


def _connection_name() -> str:
    return f"roomcast-{_GATEWAY.replace('gateway', 'gateway-')}"


async def _order(rig: Rig, node: str, order: Literal["drain", "uncordon"]) -> None:
    """Give a gateway the order of `roomcast drain` or `roomcast uncordon`."""
    message = pack(NodeOrder(node, order))
    sealed = Seals((rig.cluster.cluster_key,)).seal(keys.CONTROL, message)
    await rig.redis.call("PUBLISH", keys.CONTROL, sealed)


async def _kill(rig: Rig, is_wanted: Callable[[dict[str, str]], bool]) -> None:
    with suppress(RedisAway):
        for row in await rig.redis.clients(is_wanted):
            await rig.redis.call("CLIENT", "KILL", "ID", row["id"])


@asynccontextmanager
async def _configured(rig: Rig, name: str, value: str) -> AsyncIterator[None]:
    before = (await rig.redis.call("CONFIG", "GET", name))[1]
    await rig.redis.call("CONFIG", "SET", name, value)
    try:
        yield
    finally:
        await rig.redis.call("CONFIG", "SET", name, before)


async def _guest(rig: Rig, name: str, room: str) -> Wire:
    wire = await open_wire("127.0.0.1", rig.cluster.ports.page, "127.0.0.1", _ignore)
    await wire.sign_in(sign(rig.cluster.jwt_secret, f"drill.{name}"))
    await wire.call("room:join", {"room": room}, 8.0)
    return wire


async def _flood(wire: Wire, room: str, number: int) -> None:
    sent = 0
    while not wire.lost.done():
        sent += 1
        await wire.call("message:send", {"room": room, "id": f"{number}-{sent}", "text": _LONG_TEXT}, 8.0)
        await asyncio.sleep(1 / 40)
