"""The load on every server: rooms, members, and messages in flight. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

Placement = Literal["spread", "paired", "confined"]
Until = Literal["members", "publisher"]
TEXT_BYTES: Final = 128
CONNECTIONS_PER_ADDRESS: Final = 500


@dataclass(frozen=True)
class Workload:
    """One row of the comparison.

    `window` messages per room are in flight at any time, each in a *slot* with its own publisher. The publisher sends
    the next message when all members have the last one (with `until="publisher"`: when it has its own copy). With
    `rate`, all rooms together get that many messages per second, whether earlier ones have arrived or not.
    """

    name: str
    title: str
    rooms: int
    members: int
    window: int = 0
    rate: float = 0.0
    until: Until = "members"
    through_nginx: bool = False

    @property
    def connections(self) -> int:
        return self.rooms * self.members


class Member(NamedTuple):
    """One connection: its number, its room's number, and its number within the room."""

    number: int
    room: int
    place: int


def member(workload: Workload, index: int) -> Member:
    """Return connection `index` of a workload; the members of one room have consecutive numbers."""
    room, place = divmod(index, workload.members)
    return Member(index, room, place)


def gateway_of(who: Member, gateways: int, placement: Placement) -> int:
    """Return a member's gateway among all (`spread`), its room's two (`paired`), or the first two (`confined`)."""
    if placement == "spread":
        return who.number % gateways
    if placement == "confined":
        return who.place % 2 % gateways
    return (2 * who.room + who.place % 2) % gateways


def source_address(index: int) -> str:
    """Return the source address of connection `index`: 500 connections share one, few enough for limits per address."""
    block = index // CONNECTIONS_PER_ADDRESS
    return f"127.0.{1 + block // 250}.{1 + block % 250}"


LARGE: Final = Workload("room-1000", "room of 1,000, window 8", rooms=1, members=1000, window=8)
SMALL: Final = Workload("rooms-10", "100 rooms of 10, window 2 each", rooms=100, members=10, window=2)
PACED: Final = Workload("paced", "100 rooms of 10, paced 600/s", rooms=100, members=10, rate=600)
PROXIED: Final = Workload(
    "rooms-10-nginx", "100 rooms of 10, window 2 each, through nginx", 100, 10, window=2, through_nginx=True
)
PROXIED_LARGE: Final = Workload(
    "room-1000-nginx", "room of 1,000, window 8, through nginx", 1, 1000, window=8, through_nginx=True
)
IDLE: Final = Workload("idle", "connect, then idle, in rooms of 10", rooms=420, members=10)

DELIVERY_ROWS: Final = (LARGE, SMALL, PACED, PROXIED_LARGE, PROXIED)
"""The rows that count deliveries."""
