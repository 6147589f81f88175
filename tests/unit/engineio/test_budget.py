"""The send budgets of a connection and of all connections of one address."""

from __future__ import annotations

import pytest

from roomcast.engineio.limits.budget import _MAX_IDLE_ADDRESSES, AddressBudgets
from roomcast.engineio.rules import Rules

RULES = Rules(
    frames_per_second=10,
    frames_burst=100,
    bytes_per_second=1_000,
    bytes_burst=10_000,
    max_payload=10_000,
    address_factor=2,
)


def test_a_connection_has_a_burst_of_frames_and_then_its_rate() -> None:
    budget = AddressBudgets(RULES).open("192.0.2.1", now=0.0)
    assert budget.spend(0.0, 100, 0)
    assert not budget.spend(0.0, 1, 0)
    assert budget.spend(1.0, 10, 0)
    assert not budget.spend(1.0, 1, 0)


def test_bytes_are_counted_separately_from_frames() -> None:
    budget = AddressBudgets(RULES).open("192.0.2.1", now=0.0)
    assert budget.spend(0.0, 1, 10_000)
    assert not budget.spend(0.0, 1, 1)


def test_the_connections_of_an_address_share_a_larger_budget() -> None:
    budgets = AddressBudgets(RULES)
    first, second, third = (budgets.open("192.0.2.1", now=0.0) for _ in range(3))
    assert first.spend(0.0, 100, 0)
    assert second.spend(0.0, 100, 0)
    assert not third.spend(0.0, 1, 0)
    assert budgets.open("192.0.2.2", now=0.0).spend(0.0, 100, 0)


def test_an_ipv6_network_counts_as_one_address() -> None:
    budgets = AddressBudgets(RULES)
    assert all(budgets.open(f"2001:db8::{number}", now=0.0).spend(0.0, 100, 0) for number in (1, 2))
    assert not budgets.open("2001:db8::3", now=0.0).spend(0.0, 1, 0)


def test_a_reconnect_does_not_renew_the_budget_of_an_address() -> None:
    budgets = AddressBudgets(RULES)
    for _ in range(2):
        assert budgets.open("192.0.2.1", now=0.0).spend(0.0, 100, 0)
        budgets.close("192.0.2.1")
    assert not budgets.open("192.0.2.1", now=0.0).spend(0.0, 1, 0)


def test_addresses_without_a_connection_are_removed_above_the_bound() -> None:
    budgets = AddressBudgets(RULES)
    for _ in range(2):
        assert budgets.open("192.0.2.1", now=0.0).spend(0.0, 100, 0)
    for number in range(_MAX_IDLE_ADDRESSES + 50):
        peer = f"10.{number // 256}.{number % 256}.1"
        budgets.open(peer, now=0.0)
        budgets.close(peer)
    assert len(budgets) <= _MAX_IDLE_ADDRESSES + 1
    assert not budgets.open("192.0.2.1", now=0.0).spend(0.0, 1, 0), "the budget of an open connection was removed"


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"frames_per_second": 0}, "frames_per_second must be above 0"),
        ({"frames_burst": 0}, "frames_burst must be 1 or more"),
        ({"bytes_burst": 10}, "bytes_burst at least max_payload"),
        ({"address_factor": 0.5}, "address_factor not below 1"),
    ],
)
def test_limits_that_are_zero_or_contradict_each_other_are_refused(limits: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Rules(**limits)  # type: ignore[arg-type]
