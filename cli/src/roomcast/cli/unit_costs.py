"""The unit costs of connections, messages and deliveries, for `roomcast plan` and docs/capacity.md. Pure.

The figures were measured on two cores of a shared machine. Other machines have other figures; docs/capacity.md explains
how to measure them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class UnitCost(NamedTuple):
    """A measured cost: its value, its unit, its meaning, and the source of the figure."""

    value: float
    unit: str
    meaning: str
    source: str


_CHAT: Final = "`Chat`, 500 users through nginx, 200 messages a second, two gateways"
_IDLE: Final = "`IdleConnections`, 2,000 users through nginx, two gateways"
_FULL: Final = "rooms of ten at full load, `make bench`"

COSTS: Final[Mapping[str, UnitCost]] = {
    "gateway_connect_us": UnitCost(875, "µs CPU", "a client's sign-in, presence and first join, in a gateway", _IDLE),
    "gateway_message_us": UnitCost(200, "µs CPU", "a message, in the sender's gateway", _CHAT),
    "gateway_receiver_us": UnitCost(90, "µs CPU", "a message, in each gateway with members of its room", _CHAT),
    "gateway_delivery_us": UnitCost(
        1.9, "µs CPU", "a delivery to a member, in a gateway", "room of 1,000, `make bench`"
    ),
    "gateway_idle_us": UnitCost(7.5, "µs CPU", "a connection, each second: heartbeats and pings, in a gateway", _IDLE),
    "gateway_connection_kib": UnitCost(10.8, "KiB", "a connection, in a gateway", "18,000 connections"),
    "gateway_base_mib": UnitCost(90, "MiB", "a gateway without connections", "`make attack-figures`, idle gateway"),
    "nginx_connect_us": UnitCost(470, "µs CPU", "a WebSocket handshake, in nginx", _IDLE),
    "nginx_frame_us": UnitCost(16, "µs CPU", "a delivery, in nginx (5.5 µs at full load)", _CHAT),
    "nginx_connection_kib": UnitCost(21.7, "KiB", "a connection, in nginx", _IDLE),
    "kernel_connection_kib": UnitCost(18.6, "KiB", "a connection's sockets, in the kernel", "18,000 connections"),
    "redis_connect_us": UnitCost(250, "µs CPU", "a client's sign-in, presence and first join, in Redis", _IDLE),
    "redis_message_us": UnitCost(31, "µs CPU", "a message, in Redis", _FULL),
    "redis_receiver_us": UnitCost(3, "µs CPU", "a message, in Redis, for each gateway that receives it", _FULL),
    "redis_idle_us": UnitCost(2.5, "µs CPU", "a connection, each second: presence, in Redis", _IDLE),
    "redis_connection_kib": UnitCost(1.5, "KiB", "a connection's presence, in Redis", _IDLE),
    "redis_log_bytes": UnitCost(296, "bytes", "a message in a log, in addition to its text", _CHAT),
    "redis_room_kib": UnitCost(
        13, "KiB", "a room without its log: members, occupants, message ids of the last hour", _CHAT
    ),
    "sweeper_idle_us": UnitCost(1.9, "µs CPU", "a connection, each second, in the leading sweeper", _IDLE),
}


def cost(name: str) -> float:
    """Return the value of a unit cost. Raise KeyError for an unknown name."""
    return COSTS[name].value
