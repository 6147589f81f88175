"""The client for back ends: publish messages, manage rooms, send events, kick users, revoke tokens, read presence.

    redis = Redis.from_url(url)         # redis.asyncio, or its RedisCluster; decode_responses must stay False
    backend = Backend(redis)
    await backend.publish("public:lobby", "billing", text="Invoice 17 is paid", name="Billing")

The client connects only to Redis, and uses the same scripts as the gateways. So a message that it publishes is like any
other: the message has a seq, is logged, and reaches each member once. The Redis account `backend` has the rights that
the client needs. Methods take user ids; `roomcast.contract.ids.encode_subject` converts a token's `sub` into a user id.

Every method raises RoomcastError: BAD_REQUEST or TOO_LARGE for wrong arguments, UNAVAILABLE when nothing was done, and
OUTCOME_UNKNOWN when no answer came. After UNAVAILABLE and OUTCOME_UNKNOWN, repeat the call. All calls are
safe to repeat (`publish` with the same id), except that a custom event may be sent twice.
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
from roomcast.contract.backend.inbox import Inboxes, InboxLine, InboxPage
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
    "InboxLine",
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
"""The most connections of one client to one server. An upload request occupies a connection until a signer answers."""


class Backend(
    Amendments, CustomEvents, Rooms, People, Inboxes, Allowances, Lookups, Revocations, Moderation, PresenceQueries
):
    """The client for back ends, see the module. `retention`: the gateways' retention, if they do not use the defaults.

    `prefix`: the prefix in the gateways' Redis URL, if there is one. The Redis client chooses the database number.

    `clock` returns unix seconds, by the clock from which tokens get their `iat`.

    `cluster_keys`: the keys of the gateways, for a trusted back end whose messages the gateways deliver at once. If
    only the gateways have a key, they deliver the back end's messages from the log, some milliseconds later.
    """


@asynccontextmanager
async def connect(url: str, *, cluster_keys: Sequence[str] = ()) -> AsyncIterator[Backend]:
    """Make a Backend with its own client for `url` (see `roomcast.wire.redis_url`), and close the client at the end.

    Raise ValueError for an unusable URL, and RoomcastError(UNAVAILABLE) when Redis does not answer.
    """
    target = redis_url.parse(url)
    client = open_client(target)
    try:
        backend = Backend(client, prefix=target.prefix, cluster_keys=cluster_keys)
        await backend.ping()
        yield backend
    finally:
        await client.aclose()


def open_client(target: RedisTarget, *, name: str = "roomcast-backend") -> Client:
    """Return a Redis client with the timeouts, retries and limits for a back end. It connects on first use.

    `name`: the name of its connections in `CLIENT LIST`.
    """
    options: dict[str, Any] = {
        "client_name": name,
        "socket_timeout": _CONNECT_SECONDS,
        "socket_connect_timeout": _CONNECT_SECONDS,
        "retry": Retry(ExponentialBackoff(cap=0.5, base=0.1), 2),
    }
    if target.mode != "standalone":
        return make_client(target, max_connections=MAX_CONNECTIONS, **options)
    # without a free connection, a call waits for one instead of failing
    bounds = {"max_connections": MAX_CONNECTIONS, "timeout": _CONNECT_SECONDS}
    return Redis.from_pool(make_pool(target, BlockingConnectionPool, **bounds, **options))
