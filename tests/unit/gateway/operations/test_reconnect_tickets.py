"""A reconnect ticket is valid for a day at every gateway with the same secret. Forged tickets are not valid."""

from __future__ import annotations

import pytest

from roomcast.gateway.operations.reconnect_tickets import LIFE_SECONDS, ReconnectTickets
from tests.clock import Clock

NOW = 1_800_000_000.0


def test_a_ticket_is_valid_until_it_expires() -> None:
    clock = Clock(NOW)
    ticket = ReconnectTickets("secret", clock).issue()
    other_gateway = ReconnectTickets("secret", clock)
    assert other_gateway.is_valid(f"EIO=4&transport=websocket&ticket={ticket}")
    clock.now += LIFE_SECONDS - 1
    assert other_gateway.is_valid(f"ticket={ticket}")
    clock.now += 1
    assert not other_gateway.is_valid(f"ticket={ticket}")


BAD = ["", "EIO=4", "ticket=", "ticket=x", "ticket=ffffffff.", "ticket=ffffffff.00", "ticket=%F0%9F%98%80.x"]


@pytest.mark.parametrize("query", BAD)
def test_a_malformed_ticket_is_not_valid(query: str) -> None:
    assert not ReconnectTickets("secret", Clock(NOW)).is_valid(query)


def test_a_changed_ticket_and_a_ticket_of_another_cluster_are_not_valid() -> None:
    clock = Clock(NOW)
    ticket = ReconnectTickets("secret", clock).issue()
    later = f"f{ticket}"
    assert not ReconnectTickets("secret", clock).is_valid(f"ticket={later}")
    assert not ReconnectTickets("other", clock).is_valid(f"ticket={ticket}")


def test_tickets_stay_valid_while_the_secret_is_replaced() -> None:
    clock = Clock(NOW)
    before, after = ReconnectTickets("old", clock), ReconnectTickets("new", clock, older=["old"])
    assert after.is_valid(f"ticket={before.issue()}")
    assert not before.is_valid(f"ticket={after.issue()}")
