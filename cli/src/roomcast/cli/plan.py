"""Calculate how many gateways, nginx and Redis servers a load needs, from the table of unit costs. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

from roomcast.cli.unit_costs import cost

CORE_SHARE: Final = 0.5
"""The share of a core that a process may use at the peak. The rest is for bursts, reconnects and slower machines."""
GATEWAY_CONNECTIONS: Final = 20_000
"""The most connections of one gateway. When a gateway ends, all its clients move to other gateways."""
NGINX_CONNECTIONS: Final = 100_000
REDIS_CORE_SHARE: Final = 0.5
REDIS_MEMORY_SHARE: Final = 0.5
"""The share of a server's memory that Redis may use. While Redis rewrites its append-only file, it runs in a second
process, too, and may need twice the memory."""
REDIS_GIB: Final = 32
MAX_GATEWAYS: Final = 9_999
_MICRO: Final = 1e-6
_KIB: Final = 1024.0


@dataclass(frozen=True, slots=True)
class Load:
    """The load at the peak: users connected at once, messages per user and minute, members of a room, kept messages."""

    users: int
    messages_per_minute: float = 1.0
    room_size: int = 20
    rooms_per_user: int = 5
    text_bytes: int = 128
    kept_messages: int = 1_000
    """Messages kept per room, on average; at most ROOMCAST_LOG_MESSAGES."""
    reconnect_seconds: int = 30
    """Seconds within which the clients of a lost gateway must be connected to the other gateways."""

    @property
    def messages(self) -> float:
        """The number of messages per second."""
        return self.users * self.messages_per_minute / 60

    @property
    def rooms(self) -> int:
        """The number of rooms, from the rooms per user and the users per room."""
        return max(1, math.ceil(self.users * self.rooms_per_user / self.room_size))


class Need(NamedTuple):
    """The need of one kind of process: the number of servers, its deciding limit, and CPU cores and GiB in total."""

    process: str
    servers: int
    limit: str
    cores: float
    memory_gib: float


class Plan(NamedTuple):
    """The needs by process, and the figures behind them."""

    needs: tuple[Need, ...]
    messages_per_second: float
    deliveries_per_second: float
    receiving_gateways: float
    connections_per_gateway: int

    def need(self, process: str) -> Need:
        """Return the need of one kind of process."""
        return next(need for need in self.needs if need.process == process)


def receivers(room_size: int, gateways: int) -> float:
    """Return the average number of gateways with members of a room, if nginx spreads the clients evenly."""
    return gateways * (1 - (1 - 1 / gateways) ** room_size)


def plan(load: Load) -> Plan:
    """Return the needs of a load. Raise ValueError for a load above the capacity of one deployment."""
    gateways = _gateways(load)
    reached = receivers(load.room_size, gateways.servers)
    deliveries = load.messages * load.room_size
    needs = (gateways, _nginx(load, deliveries), _redis(load, reached), *_companions(load))
    return Plan(needs, load.messages, deliveries, reached, math.ceil(load.users / gateways.servers))


def _gateways(load: Load) -> Need:
    """Find the smallest number of gateways for the load. Each further gateway adds work: it, too, receives messages."""
    by_connections = math.ceil(load.users / GATEWAY_CONNECTIONS)
    count = max(2, by_connections)
    while (cores := _gateway_cores(load, count)) > count * CORE_SHARE and count <= MAX_GATEWAYS:
        count = max(count + 1, math.ceil(cores / CORE_SHARE) if count < 64 else count + count // 64)
    limit = "connections" if count == max(2, by_connections) else "CPU"
    reconnects = _gateways_for_reconnects(load)
    if reconnects > count:
        count, limit = reconnects, "reconnects"
    if count > MAX_GATEWAYS:
        raise ValueError(f"more than {MAX_GATEWAYS} gateways would be needed: split the load over deployments")
    memory = load.users * cost("gateway_connection_kib") / _KIB / 1024 + count * cost("gateway_base_mib") / 1024
    return Need("gateway", count, limit, _gateway_cores(load, count), memory)


def _gateway_cores(load: Load, gateways: int) -> float:
    per_message = (
        cost("gateway_message_us")
        + receivers(load.room_size, gateways) * cost("gateway_receiver_us")
        + load.room_size * cost("gateway_delivery_us")
    )
    return (load.messages * per_message + load.users * cost("gateway_idle_us")) * _MICRO


def _gateways_for_reconnects(load: Load) -> int:
    """Return the number of gateways that admit the clients of a lost gateway in time with their free CPU."""
    seconds_of_cpu = load.users * cost("gateway_connect_us") * _MICRO
    # n - 1 gateways admit the clients of one lost gateway: users / n clients for n - 1 cores.
    return math.ceil(math.sqrt(seconds_of_cpu / (load.reconnect_seconds * (1 - CORE_SHARE)))) + 1


def _nginx(load: Load, deliveries: float) -> Need:
    cores = deliveries * cost("nginx_frame_us") * _MICRO
    by_connections, by_cpu = math.ceil(load.users / NGINX_CONNECTIONS), math.ceil(cores / CORE_SHARE / 4)
    kib = load.users * (cost("nginx_connection_kib") + cost("kernel_connection_kib"))
    limit = "CPU (4 workers each)" if by_cpu > max(2, by_connections) else "connections"
    return Need("nginx", max(2, by_connections, by_cpu), limit, cores, kib / _KIB / 1024)


def _redis(load: Load, reached: float) -> Need:
    per_message = cost("redis_message_us") + reached * cost("redis_receiver_us")
    cores = (load.messages * per_message + load.users * cost("redis_idle_us")) * _MICRO
    log_bytes = load.rooms * load.kept_messages * (load.text_bytes + cost("redis_log_bytes"))
    room_bytes = load.rooms * cost("redis_room_kib") * 1024 + load.users * cost("redis_connection_kib") * 1024
    memory = (log_bytes + room_bytes) / 2**30
    by_cpu, by_memory = math.ceil(cores / REDIS_CORE_SHARE), math.ceil(memory / (REDIS_GIB * REDIS_MEMORY_SHARE))
    masters = max(1, by_cpu, by_memory)
    limit = "one server" if masters == 1 else "CPU" if by_cpu >= by_memory else "memory"
    # A cluster has at least three masters.
    return Need("redis", masters if masters == 1 else max(3, masters), limit, cores, memory)


def _companions(load: Load) -> tuple[Need, ...]:
    sweeps = load.users * cost("sweeper_idle_us") * _MICRO
    return Need("presence", 2, "one leads, one waits", sweeps, 0.2), Need("media", 2, "uploads", 0.1, 0.3)
