"""The rooms, gateways and source addresses of the connections of a workload."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from loadtest.bench.workloads import SMALL, gateway_of, member, source_address


def test_members_of_a_room_have_consecutive_numbers() -> None:
    rooms = Counter(member(SMALL, index).room for index in range(SMALL.connections))
    assert rooms == dict.fromkeys(range(100), 10)
    assert member(SMALL, 23) == (23, 2, 3)


def test_with_placement_spread_two_gateways_share_every_room_evenly() -> None:
    for index in range(0, SMALL.connections, 10):
        gateways = [gateway_of(member(SMALL, index + place), 2, "spread") for place in range(10)]
        assert Counter(gateways) == {0: 5, 1: 5}


@pytest.mark.parametrize("gateways", [1, 2, 4, 8, 16])
def test_with_placement_paired_a_room_has_at_most_two_gateways_and_the_gateways_share_the_load(gateways: int) -> None:
    of_room: defaultdict[int, set[int]] = defaultdict(set)
    load: Counter[int] = Counter()
    for index in range(SMALL.connections):
        who = member(SMALL, index)
        at = gateway_of(who, gateways, "paired")
        of_room[who.room].add(at)
        load[at] += 1
    assert {len(each) for each in of_room.values()} == {min(2, gateways)}
    assert set(load) == set(range(gateways))
    assert max(load.values()) - min(load.values()) <= 10


@pytest.mark.parametrize("gateways", [1, 2, 16])
def test_with_placement_confined_all_rooms_share_the_first_two_gateways(gateways: int) -> None:
    for room in range(0, SMALL.connections, 10):
        load = Counter(gateway_of(member(SMALL, room + place), gateways, "confined") for place in range(10))
        assert load == ({0: 10} if gateways == 1 else {0: 5, 1: 5})


def test_each_loopback_address_has_at_most_five_hundred_connections() -> None:
    counts = Counter(source_address(index) for index in range(200_000))
    assert max(counts.values()) == 500
    assert all(address.startswith("127.0.") and 0 < int(address.split(".")[3]) < 255 for address in counts)
