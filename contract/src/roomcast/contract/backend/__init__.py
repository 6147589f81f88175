"""The client for back ends: publish into rooms, manage them, send events, kick, revoke, and read presence.

    redis = Redis.from_url(url)         # redis.asyncio, or its RedisCluster; decode_responses must stay False
    backend = Backend(redis)
    await backend.publish("public:lobby", "billing", text="Invoice 17 is paid", name="Billing")

The client talks only to Redis, through the scripts that gateways use. So a message published here is like any other: it
has a seq, is logged, and reaches each member once. The Redis account `backend` has the rights that the client needs.
Methods take user ids; `roomcast.contract.ids.encode_subject` turns a token's `sub` into one.

Every method raises RoomcastError: BAD_REQUEST or TOO_LARGE for arguments, UNAVAILABLE when nothing was done, and
OUTCOME_UNKNOWN when no answer came. Repeat such a call: all calls are safe to repeat (`publish` with the same id),
except that a custom event is sent twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.connection import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

from roomcast.contract.backend.allowances import Allowances
from roomcast.contract.backend.amendments import Amendments, HistoryPage
from roomcast.contract.backend.custom_events import CustomEvents
from roomcast.contract.backend.inbox import Inboxes, InboxPage
from roomcast.contract.backend.lookups import (
    ClusterInfo,
    GatewayInfo,
    ListedRoom,
    Lookups,
    Member,
    MemberPage,
    Occupancy,
    RoomInfo,
)
from roomcast.contract.backend.moderation import Moderation
from roomcast.contract.backend.presence import PresenceQueries
from roomcast.contract.backend.profiles import People
from roomcast.contract.backend.revocations import CLOCK_SKEW_SECONDS, TOKEN_LIFE_SECONDS, Revocations
from roomcast.contract.backend.rooms import Rooms
from roomcast.contract.presence import Device, Presence
from roomcast.contract.redis_client import Client, make_client, make_pool
from roomcast.wire import redis_url
from roomcast.wire.redis_url import RedisTarget

__all__ = (
    "CLOCK_SKEW_SECONDS",
    "TOKEN_LIFE_SECONDS",
    "Backend",
    "ClusterInfo",
    "Device",
    "GatewayInfo",
    "HistoryPage",
    "InboxPage",
    "ListedRoom",
    "Member",
    "MemberPage",
    "Occupancy",
    "Presence",
    "RoomInfo",
    "connect",
    "open_client",
)

_CONNECT_SECONDS: Final = 2.0
MAX_CONNECTIONS: Final = 100
"""The most connections of one client to one server; an upload request holds one while it waits for a signer."""


class Backend(
    Amendments, CustomEvents, Rooms, People, Inboxes, Allowances, Lookups, Revocations, Moderation, PresenceQueries
):
    """See the module. `retention`: the gateways' retention, if they do not use the defaults.

    `prefix`: the prefix in the gateways' Redis URL, if it has one; the database number is the client's.

    `clock` returns unix seconds, by the clock that stamps the `iat` of tokens.

    `cluster_keys`: the keys of the gateways, for a trusted back end: gateways deliver its messages at once. Without
    them, gateways that have a key deliver its messages from the log, some milliseconds later.
    """


@asynccontextmanager
async def connect(url: str, *, cluster_keys: Sequence[str] = ()) -> AsyncIterator[Backend]:
    """Make a Backend with its own client for `url` (see `roomcast.wire.redis_url`), and close it at the end.

    Raises ValueError for a URL that cannot be used, RoomcastError(UNAVAILABLE) when Redis does not answer.
    """
    target = redis_url.parse(url)
    client = open_client(target)
    try:
        backend = Backend(client, prefix=target.prefix, cluster_keys=cluster_keys)
        await backend.ping()
        yield backend
    finally:
        await client.aclose()


def open_client(target: RedisTarget) -> Client:
    """Return a client with a back end's timeouts, retries and bounds; it connects on first use."""
    options: dict[str, Any] = {
        "client_name": "roomcast-backend",
        "socket_timeout": _CONNECT_SECONDS,
        "socket_connect_timeout": _CONNECT_SECONDS,
        "retry": Retry(ExponentialBackoff(cap=0.5, base=0.1), 2),
    }
    if target.mode != "standalone":
        return make_client(target, max_connections=MAX_CONNECTIONS, **options)
    # a call that finds no connection free waits for one instead of failing
    bounds = {"max_connections": MAX_CONNECTIONS, "timeout": _CONNECT_SECONDS}
    return Redis.from_pool(make_pool(target, BlockingConnectionPool, **bounds, **options))
