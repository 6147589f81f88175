"""The client for back ends: publish into rooms, manage them, send events, kick, revoke, and look who is online.

    redis = Redis.from_url(url)         # redis.asyncio, or its RedisCluster; decode_responses must stay False
    backend = Backend(redis)
    await backend.publish("public:lobby", "billing", text="Invoice 17 is paid", name="Billing")

It speaks to Redis alone, through the same scripts as the gateways, so a message published here is one of the room's
like any other: it has a seq, it is logged, and it reaches everybody once. The account `backend` has the rights for it.
Users are named by their user ids; a token's `sub` that is none becomes one by `roomcast.contract.ids.encode_subject`.

Every method raises RoomcastError: BAD_REQUEST or TOO_LARGE for arguments, UNAVAILABLE when nothing was done, and
OUTCOME_UNKNOWN when no answer came (then repeat the call: all are safe to repeat, `publish` with the same id; only a
custom event is sent twice).
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
from roomcast.contract.backend.people import People
from roomcast.contract.backend.presence import PresenceQueries
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
"""Connections of one client to one server; an upload holds one while it waits for a signer."""


class Backend(
    Amendments, CustomEvents, Rooms, People, Inboxes, Allowances, Lookups, Revocations, Moderation, PresenceQueries
):
    """See the module. `retention`: the gateways' own, where they do not run with the defaults.

    `prefix`: that of the gateways' Redis URL, where it has one; the database number is the client's.

    `clock` gives unix seconds; it is the clock that stamps the tokens' `iat`.

    `cluster_keys`: those of the gateways, for a back end that is trusted with them. Its messages are delivered at
    once; without them, gateways that have a key deliver from the log, some milliseconds later.
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
