"""The results of a benchmark: one sample per server, row and round, and their tables. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from msgspec import Struct

from loadtest.bench.stats import Spread, spread

COMPARISON: Final = "Deliveries and connections"
"""The group of rows in which all kinds of servers take part."""


class Sample(Struct, frozen=True):
    """The figures of one server in one row and round, by name (see `METRICS`)."""

    peer: str
    row: str
    round: int
    figures: dict[str, float]


class PeerInfo(Struct, frozen=True):
    """A server of the run. `is_rival` and `keeps_history` decide with which groups of servers it is compared."""

    name: str
    title: str
    leaves_out: str
    label: str = ""
    is_rival: bool = False
    keeps_history: bool = False


class RowInfo(Struct, frozen=True):
    """A line of the report. `headline`: the figure that is compared (less is better). `group`: the line's table."""

    name: str
    title: str
    headline: str
    group: str = COMPARISON


class Results(Struct, frozen=True):
    """A whole run: the machine, the servers, and every sample."""

    machine: dict[str, str]
    peers: list[PeerInfo]
    rows: list[RowInfo]
    samples: list[Sample]

    def spreads(self) -> dict[tuple[str, str], dict[str, Spread]]:
        """Return, per `(row, peer)`, the spread of each figure over the rounds."""
        values: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for sample in self.samples:
            for name, value in sample.figures.items():
                values[sample.row, sample.peer][name].append(value)
        return {key: {name: spread(rounds) for name, rounds in figures.items()} for key, figures in values.items()}


METRICS: Final = {
    "cpu_us": "servers' CPU, µs per delivery",
    "chain_us": "CPU of nginx, servers and Redis together, µs per delivery",
    "redis_us": "Redis's CPU, µs per delivery",
    "nginx_us": "nginx's CPU, µs per delivery",
    "client_us": "load client's CPU, µs per delivery",
    "rate": "deliveries per second",
    "p50_ms": "latency p50, ms",
    "p99_ms": "latency p99, ms",
    "max_ms": "latency max, ms",
    "lost": "messages that did not reach every member within 2 s",
    "refused": "negative acks",
    "connect_us": "servers' CPU, µs per connect",
    "redis_connect_us": "Redis's CPU, µs per connect",
    "connect_rate": "connects per second",
    "memory_kib": "KiB per idle connection",
    "nginx_kib": "nginx's memory, KiB per connection",
    "redis_kib": "Redis's memory, KiB per connection",
    "chain_kib": "memory of nginx, servers and Redis together, KiB per connection",
    "chain_connect_us": "CPU of nginx, servers and Redis together, µs per connect",
    "message_us": "servers' CPU, µs per message",
    "above_rest_us": "servers' CPU in addition to their CPU at rest, µs per message",
    "rest_percent": "CPU of all servers together at rest, % of a core",
    "receiver_us": "servers' CPU, µs per message and receiving gateway",
    "stall_ms": "longest wait for an answer of the gateway's health page, ms",
    "lag_ms": "greatest lateness of the event loop in the gateway's metric, ms",
    "busy_ms": "greatest CPU time of the loop's own thread within one lateness, ms",
    "heartbeat_us": "gateway's CPU without receiving and acking the frame, µs per heartbeat",
    "redis_heartbeat_us": "Redis's CPU, µs per heartbeat",
    "hold_ms": "longest command of the sweep in Redis, ms",
    "hold_p99_ms": "the 99th percentile of the sweep's commands in Redis, ms",
    "sweep_us": "time of the sweep, µs per person",
    "storm_rate": "changes of presence per second in the storm",
    "settled_ms": "time from the last change of the storm until the watcher has all last states, ms",
    "storm_events": "events in which the watcher got the 2,000 changes of the storm",
    "state_us": "gateway's CPU, µs per full state of a user who connects",
    "redis_state_us": "Redis's CPU, µs per full state of a user who connects",
    "redis_repeat_us": "Redis's CPU, µs per full state that has not changed",
    "redis_person_bytes": "Redis's memory, bytes per person with one device",
    "pass_ms": "duration of a sweeper pass while no user is due, ms",
    "redis_pass_us": "Redis's CPU, µs per sweeper pass while no user is due",
    "redis_change_us": "Redis's CPU, µs per change of a status",
    "redis_published_us": "Redis's CPU, µs per change and subscribed gateway",
    "redis_note_us": "Redis's CPU, µs per note that ends",
    "redis_expiry_us": "Redis's CPU, µs per person who expires",
    "received_us": "gateway's CPU, µs per change of a user whom none of its clients watches",
    "watched_us": "gateway's CPU without writing the frame, µs per packet to a watcher",
    "watch_bytes": "gateway's memory, bytes per watched person of a connection",
    "redis_listed_us": "Redis's CPU, µs per message",
    "redis_alone_us": "Redis's CPU, µs per message into a room that is on no list",
    "inbox_kib": "gateway's memory, KiB per live inbox",
    "redis_inbox_bytes": "Redis's memory, bytes per live inbox",
    "list_us": "gateway's CPU, µs per inbox:list",
    "redis_list_us": "Redis's CPU, µs per inbox:list",
    "line_us": "gateway's CPU without writing the frame, µs per inbox line",
    "redis_line_us": "Redis's CPU, µs per inbox line",
    "catch_up_seconds": "time until all inboxes are compared after a lost subscription, s",
    "catch_up_us": "gateway's CPU, µs per compared inbox",
    "redis_catch_up_us": "Redis's CPU, µs per compared inbox",
    "lags_20ms": "times that the loop was more than 20 ms late",
}
"""Every figure that a sample may contain, with its meaning and unit."""
