"""The rooms and source addresses of the chaos clients."""

from __future__ import annotations

from loadtest.chaos.crowd import rooms_of, source_address


def test_each_client_is_in_two_rooms_of_about_equal_size() -> None:
    rooms = [room for index in range(1000) for room in set(rooms_of(index, 100))]
    assert len(rooms) == 2000
    assert {rooms.count(room) for room in range(100)} <= set(range(19, 23))


def test_a_hundred_clients_share_a_loopback_address() -> None:
    addresses = [source_address(index) for index in range(5000)]
    assert len(set(addresses)) == 50
    assert all(address.startswith("127.1.") and 0 < int(address.split(".")[3]) < 255 for address in addresses)
