"""Measure the inbox: messages into a room on absent users' lists, and 10,000 idle connections with 200 rooms each.

Both measurements run parts of the gateway in this process, on a real Redis, as `presence` does. The figures are the
additional costs of a live inbox; the row `connections-10000` measures the connections themselves.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
import uvloop

from loadtest.bench import procfs
from loadtest.bench.measure import MICRO, Span
from loadtest.bench.processes import BenchError, Processes
from loadtest.peers.interface import Peer
from roomcast.adapter.redis.backplane import Backplane
from roomcast.adapter.redis.backplane_factory import make_backplane
from roomcast.adapter.redis.channel_handlers import ChannelHandlers
from roomcast.contract import keys
from roomcast.contract.events.rooms import InboxList
from roomcast.contract.inbox import Line
from roomcast.contract.lua import SCRIPTS
from roomcast.engineio.limits.token_bucket import TokenBucket
from roomcast.gateway.inbox.service import InboxService
from roomcast.gateway.sign_in.event_limit import EventLimit
from roomcast.gateway.sign_in.identity import Identity
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.gateway.stores.inbox import InboxStore
from roomcast.gateway.stores.room_log import LogStore
from roomcast.wire.tasks import TaskSet

ABSENT: Final = 1_000
MESSAGES: Final = 20_000
CONNECTIONS: Final = 10_000
ROOMS_PER_PERSON: Final = 200
ROOMS: Final = 20_000
"""Number of rooms; each is on the lists of 100 users."""
UNREAD_ROOMS: Final = 5
"""Number of rooms per user with unread messages when the subscriptions are lost."""
PATIENT_SECONDS: Final = 10.0
"""Time limit for Redis's replies, longer than a gateway's: late replies do no harm, because only CPU is measured."""
MAX_CATCH_UP_SECONDS: Final = 300
IDLE_SECONDS: Final = 5.0
ACTIVE_SECONDS: Final = 5.0
ACTIVE_PER_SECOND: Final = 20
"""Messages a second, each into another room: clients receive 2,000 inbox lines a second."""
_AT_ONCE: Final = 100
_ROUNDS: Final = 10
_TAIL: Final = b'"id":"1","user":"writer","name":"Writer","kind":"text","text":"%b"}' % (b"x" * 128)


class Rig(NamedTuple):
    """The connections to the Redis server of one measurement, and the server's process id."""

    backplane: Backplane
    handlers: ChannelHandlers
    redis_pid: int

    def spent(self) -> tuple[float, float]:
        """Return the CPU seconds that this thread and that Redis have used so far."""
        return time.thread_time(), procfs.run_seconds(self.redis_pid)


Work = Callable[[Rig], Coroutine[Any, Any, dict[str, float]]]


def message(_: Peer, folder: Path, span: Span) -> dict[str, float]:
    """Measure Redis's CPU per message: into a room on the lists of 1,000 absent users, and into a room on no list."""
    return _on_redis(folder, _messages)


def idle(_: Peer, folder: Path, span: Span) -> dict[str, float]:
    """Measure 10,000 live inboxes of 200 rooms: the lists, their memory, and the cost at rest and with activity."""
    return _on_redis(folder, _idle)


def _on_redis(folder: Path, work: Work) -> dict[str, float]:
    with Processes(folder) as processes:
        port, pid = processes.redis()
        return uvloop.run(_connected(f"redis://127.0.0.1:{port}/0", pid, work))


async def _connected(url: str, pid: int, work: Work) -> dict[str, float]:
    backplane = make_backplane(url, name="bench", timeout_seconds=PATIENT_SECONDS, scripts=SCRIPTS)
    handlers = ChannelHandlers(backplane)
    backplane.start(lambda channel, data: handlers.receive(channel, data, True))
    await backplane.wait_up()
    try:
        return await work(Rig(backplane, handlers, pid))
    finally:
        await backplane.close()


async def _messages(rig: Rig) -> dict[str, float]:
    log, spent = LogStore(rig.backplane), {"listed": 0.0, "alone": 0.0}
    for number in range(ABSENT):
        await rig.backplane.command("HSET", keys.user_rooms(f"person-{number}"), "listed", "")
    for turn in range(_ROUNDS + 1):
        for room in spent:
            before = procfs.run_seconds(rig.redis_pid)
            for start in range(0, MESSAGES // _ROUNDS, _AT_ONCE):
                sent = [log.append(room, "writer", f"{turn}-{start + n}", _TAIL) for n in range(_AT_ONCE)]
                await asyncio.gather(*sent)
            if turn > 0:  # the first round, which creates the rooms, does not count
                spent[room] += procfs.run_seconds(rig.redis_pid) - before
    return {f"redis_{room}_us": seconds / MESSAGES * MICRO for room, seconds in spent.items()}


class _Clients:
    """A stand-in for all clients: it lets every user see every room, encodes events, and counts their inbox lines."""

    def __init__(self) -> None:
        self.lines = 0

    def may_see(self, session: ChatSession, line: Line) -> bool:
        return True

    async def remove_from_list(self, user: str, room: str) -> None:
        raise BenchError(f"the inbox removed {room} from a list")

    async def names(self, users: list[str]) -> dict[str, str]:
        return {user: user for user in users}

    def subscribed(self, user: str) -> None:
        return None

    def to_sessions(self, sids: list[str], event: str, data: dict[str, Any]) -> None:
        orjson.dumps(data)
        self.lines += len(data["rooms"])


async def _idle(rig: Rig) -> dict[str, float]:
    await _fill_lists(rig.backplane)
    clients = _Clients()
    inbox = InboxService(
        InboxStore(rig.backplane), clients, clients, rig.handlers, clients, asyncio.get_running_loop().time
    )
    tasks = TaskSet()
    tasks.supervise(inbox.run, "inbox")
    sessions = [_session(number) for number in range(CONNECTIONS)]
    memory, redis_memory = _memory(), await _redis_memory(rig.backplane)
    before = rig.spent()
    for start in range(0, CONNECTIONS, _AT_ONCE):
        lists = (inbox.list_inbox(session, InboxList(live=True)) for session in sessions[start : start + _AT_ONCE])
        await asyncio.gather(*lists)
    listed = rig.spent()
    figures = {
        "list_us": (listed[0] - before[0]) / CONNECTIONS * MICRO,
        "redis_list_us": (listed[1] - before[1]) / CONNECTIONS * MICRO,
        "inbox_kib": (_memory() - memory) / CONNECTIONS / 1024,
        "redis_inbox_bytes": (await _redis_memory(rig.backplane) - redis_memory) / CONNECTIONS,
    }
    await asyncio.sleep(2.0)  # until the gateway has handled the activity of the first messages
    before = rig.spent()
    await asyncio.sleep(IDLE_SECONDS)
    after = rig.spent()
    figures["rest_percent"] = (after[0] - before[0] + after[1] - before[1]) / IDLE_SECONDS * 100
    figures |= await _active(rig, clients)
    figures |= await _catch_up(rig, inbox)
    await tasks.cancel()
    return figures


async def _active(rig: Rig, clients: _Clients) -> dict[str, float]:
    """Write messages at a constant rate, each into another room; return the cost per line that reaches a client."""
    log, loop = LogStore(rig.backplane), asyncio.get_running_loop()
    count = int(ACTIVE_SECONDS * ACTIVE_PER_SECOND)
    before, lines, started = rig.spent(), clients.lines, loop.time()
    for number in range(count):
        await log.append(_room(number * 7), "writer", f"active-{number}", _TAIL)
        await asyncio.sleep(max(0.0, started + (number + 1) / ACTIVE_PER_SECOND - loop.time()))
    await asyncio.sleep(2.0)
    after = rig.spent()
    told = clients.lines - lines
    if told < count * CONNECTIONS * ROOMS_PER_PERSON // ROOMS:
        raise BenchError(f"clients received only {told} inbox lines of {count} messages")
    return {"line_us": (after[0] - before[0]) / told * MICRO, "redis_line_us": (after[1] - before[1]) / told * MICRO}


async def _catch_up(rig: Rig, inbox: InboxService) -> dict[str, float]:
    """Measure the comparison after lost subscriptions, without other load; each user has some unread rooms."""
    for watcher in inbox.watchers:
        watcher.record_all([])
        for watched in watcher.rooms[:UNREAD_ROOMS]:
            watcher.record(watched.name, 1, 0)
    before, lists = rig.spent(), inbox.read_figures().resets
    inbox.on_resubscribed()
    for _ in range(MAX_CATCH_UP_SECONDS):
        await asyncio.sleep(1.0)
        if inbox.read_figures().catch_up_seconds:
            break
    after, figures = rig.spent(), inbox.read_figures()
    if figures.resets != lists or not figures.catch_up_seconds:
        raise BenchError("not all inboxes were compared, or a client was told to request the whole list")
    return {
        "catch_up_seconds": figures.catch_up_seconds,
        "catch_up_us": (after[0] - before[0]) / CONNECTIONS * MICRO,
        "redis_catch_up_us": (after[1] - before[1]) / CONNECTIONS * MICRO,
    }


async def _fill_lists(backplane: Backplane) -> None:
    """Write one message into each room, and put 200 rooms on each user's list: different rooms for each user."""
    log = LogStore(backplane)
    for start in range(0, ROOMS, _AT_ONCE):
        await asyncio.gather(*(log.append(_room(n), "writer", f"{n}", _TAIL) for n in range(start, start + _AT_ONCE)))
    for start in range(0, CONNECTIONS, _AT_ONCE):
        await asyncio.gather(*(_fill_list(backplane, number) for number in range(start, start + _AT_ONCE)))


async def _fill_list(backplane: Backplane, number: int) -> None:
    rooms = [_room(2 * number + place) for place in range(ROOMS_PER_PERSON)]
    fields = [part for room in rooms for part in (room, "")]
    await backplane.command("HSET", keys.user_rooms(f"person-{number}"), *fields)


def _room(number: int) -> str:
    return f"public:room-{number % ROOMS}"


def _session(number: int) -> ChatSession:
    user, bucket = f"person-{number}", TokenBucket(50, 200, 0.0)
    identity = Identity(user=user, name=user, expires=2e9, issued=0, token_id="", rooms=(), create=(), ops=False)
    return ChatSession(f"g1.{number}", f"e1.{number}", identity, EventLimit(bucket, bucket))


def _memory() -> int:
    gc.collect()
    return procfs.memory_bytes(os.getpid())


async def _redis_memory(backplane: Backplane) -> int:
    info = (await backplane.command("INFO", "memory")).decode()
    return int(info.partition("used_memory:")[2].partition("\r")[0])
