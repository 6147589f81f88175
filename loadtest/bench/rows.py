"""The rows of the benchmark, each with its measurement and its servers, and the subsets of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from loadtest.bench import growth, inbox, measure, presence, presence_changes, presence_million
from loadtest.bench.measure import Span
from loadtest.bench.results import RowInfo
from loadtest.bench.workloads import DELIVERY_ROWS, SMALL, Workload
from loadtest.peers.interface import Peer

Measure = Callable[[Peer, Path, Span], dict[str, float]]


@dataclass(frozen=True)
class Row:
    """One measurement and its lines in the report. `peers`: its servers (empty: all); `once`: first round only."""

    infos: tuple[RowInfo, ...]
    measure: Measure
    peers: tuple[str, ...] = ()
    once: bool = False

    @property
    def name(self) -> str:
        return self.infos[0].name


_BEHIND_NGINX: Final = ("stock", "node", "node-sharded", "bun", "socketioxide", "centrifugo", "roomcast")
"""The servers of rows behind nginx; nchan is left out because it is an nginx itself."""


def _delivery(workload: Workload) -> Row:
    def run(peer: Peer, folder: Path, span: Span) -> dict[str, float]:
        return measure.deliveries(peer, workload, span, folder)

    headline = "chain_us" if workload.through_nginx else "cpu_us"
    return Row(
        (RowInfo(workload.name, workload.title, headline),), run, _BEHIND_NGINX if workload.through_nginx else ()
    )


def _idle() -> Row:
    infos = (
        RowInfo("idle", "memory of 4,000 idle connections", "memory_kib"),
        RowInfo("idle", "opening 4,000 connections", "connect_us"),
    )
    return Row(infos, lambda peer, folder, _: measure.idle(peer, folder))


_GATEWAYS: Final = "More gateways, the same load: 100 rooms of 10, paced 300/s"
_CLUSTERS: Final = ("stock", "node-sharded", "roomcast")
_CONNECTIONS: Final = "More connections"
_MANY: Final = ("node", "bun", "socketioxide", "centrifugo", "nchan", "roomcast")
_CHAIN: Final = "The whole chain at many connections: nginx, servers and Redis"
_STALLS: Final = "Event-loop stalls"
_PRESENCE: Final = "Presence"
_INBOX: Final = "Inbox"


def _growth() -> tuple[Row, ...]:
    rows: list[Row] = []
    for count in growth.GATEWAYS:
        title = f"{count} gateway{'s' if count > 1 else ''}"
        confined = RowInfo(
            f"gateways-{count}-confined", f"{title}, all members on the same two gateways", "message_us", _GATEWAYS
        )
        rows.append(Row((confined,), partial(growth.gateways, count, "confined"), _CLUSTERS, True))
        paired = RowInfo(f"gateways-{count}-paired", f"{title}, each room on two gateways", "message_us", _GATEWAYS)
        rows.append(Row((paired,), partial(growth.gateways, count, "paired"), _CLUSTERS, True))
        spread = RowInfo(f"gateways-{count}-spread", f"{title}, members on all gateways", "receiver_us", _GATEWAYS)
        rows.append(Row((spread,), partial(growth.gateways, count, "spread"), ("roomcast",), True))
    for total in growth.CONNECTIONS:
        infos = tuple(
            RowInfo(f"connections-{total}", f"{total:,} idle connections", figure, _CONNECTIONS)
            for figure in ("memory_kib", "connect_us")
        )
        rows.append(Row(infos, partial(growth.connections, total), _MANY, True))
    chain = f"{growth.CHAIN_CONNECTIONS:,} connections through nginx"
    paced = f"{chain}, paced {growth.CHAIN_RATE:g}/s over rooms of 10"
    titles = {"chain_us": paced, "chain_kib": chain, "chain_connect_us": chain}
    infos = tuple(RowInfo("chain-20000", title, figure, _CHAIN) for figure, title in titles.items())
    rows.append(Row(infos, growth.chain, tuple(name for name in _MANY if name != "nchan"), True))
    room = RowInfo("room-10000", "room of 10,000 on one gateway, 2 messages a second", "stall_ms", _STALLS)
    gone = RowInfo("gone-10000", "10,000 clients disconnect at once", "stall_ms", _STALLS)
    rows.append(Row((room,), growth.large_room, ("roomcast",), True))
    rows.append(Row((gone,), growth.mass_disconnect, ("roomcast",), True))
    beats = RowInfo("heartbeats", "heartbeats of 10,000 connections within a second", "heartbeat_us", _PRESENCE)
    sweep = RowInfo("sweep-100000", "the presence of 100,000 people expires at once", "hold_ms", _PRESENCE)
    change = RowInfo("presence-changes", "changes of 100 people, watched from another gateway", "p99_ms", _PRESENCE)
    rows.append(Row((change,), presence_changes.changes, ("roomcast",), True))
    rows.append(Row((beats,), presence.heartbeat, ("roomcast",), True))
    rows.append(Row((sweep,), presence.sweep, ("roomcast",), True))
    crowd = RowInfo("presence-million", "1,000,000 people present", "redis_heartbeat_us", _PRESENCE)
    rows.append(Row((crowd,), presence_million.million, ("roomcast",), True))
    absent = RowInfo(
        "inbox-message", "a message into a room on the lists of 1,000 absent people", "redis_listed_us", _INBOX
    )
    idle = tuple(
        RowInfo("inbox-10000", "10,000 idle connections with 200 rooms each", figure, _INBOX)
        for figure in ("inbox_kib", "list_us", "line_us", "catch_up_us")
    )
    rows.append(Row((absent,), inbox.message, ("roomcast",), True))
    rows.append(Row(idle, inbox.idle, ("roomcast",), True))
    return tuple(rows)


def all_rows() -> tuple[Row, ...]:
    """Return every row, in the order of the report."""
    return (*(_delivery(workload) for workload in DELIVERY_ROWS), _idle(), *_growth())


def select(wanted: str) -> tuple[Row, ...]:
    """Return the rows of `small`, `default`, `all`, or of names joined by commas; raise ValueError for others."""
    rows = {row.name: row for row in all_rows()}
    subsets: dict[str, Sequence[str]] = {
        "small": [SMALL.name],
        "default": [*(workload.name for workload in DELIVERY_ROWS), "idle"],
        "all": list(rows),
    }
    names = subsets.get(wanted) or wanted.split(",")
    unknown = [name for name in names if name not in rows]
    if unknown:
        raise ValueError(f"unknown row {unknown[0]}; rows: {', '.join(subsets)}, {', '.join(rows)}")
    return tuple(rows[name] for name in names)
