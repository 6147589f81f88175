"""Limit the frames and bytes that clients may send, per connection and per address. Pure."""

from __future__ import annotations

from roomcast.engineio.limits.client_addresses import address_group
from roomcast.engineio.limits.token_bucket import TokenBucket
from roomcast.engineio.rules import Rules

_MAX_IDLE_ADDRESSES = 1_000
"""Above this number of addresses, the budgets of addresses without connections are deleted. Until then, a client that
reconnects does not get a fresh budget."""


class Budget:
    """The frames and bytes that one connection or address may still send. Times are in seconds."""

    __slots__ = ("_bytes", "_frames", "users")

    def __init__(self, rules: Rules, factor: float, now: float) -> None:
        self._frames = TokenBucket(rules.frames_per_second * factor, rules.frames_burst * factor, now)
        self._bytes = TokenBucket(rules.bytes_per_second * factor, rules.bytes_burst * factor, now)
        self.users = 0

    def spend(self, now: float, frames: int, size: int) -> bool:
        """Charge `frames` and `size` bytes. Return False if the budget does not cover them."""
        return self._frames.take(now, frames) and self._bytes.take(now, size)


class InputBudget:
    """The budget of one connection, combined with the budget of its address."""

    __slots__ = ("_address", "_own")

    def __init__(self, own: Budget, address: Budget) -> None:
        self._own = own
        self._address = address

    def spend(self, now: float, frames: int, size: int) -> bool:
        """Charge `frames` and `size` bytes. Return False if one of the two budgets does not cover them."""
        return self._own.spend(now, frames, size) and self._address.spend(now, frames, size)


class AddressBudgets:
    """The budgets of all addresses that have connections; an IPv6 /64 counts as one address."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._by_address: dict[str, Budget] = {}

    def __len__(self) -> int:
        return len(self._by_address)

    def open(self, peer: str, now: float) -> InputBudget:
        """Return the budget of a new connection from this address; `close` ends it."""
        group = address_group(peer)
        address = self._by_address.pop(group, None) or Budget(self._rules, self._rules.address_factor, now)
        address.users += 1
        self._by_address[group] = address
        return InputBudget(Budget(self._rules, 1.0, now), address)

    def close(self, peer: str) -> None:
        """Count a connection of this address as ended."""
        group = address_group(peer)
        address = self._by_address.get(group)
        if address is None:
            return
        address.users -= 1
        if len(self._by_address) > _MAX_IDLE_ADDRESSES:
            self._forget_idle()

    def _forget_idle(self) -> None:
        """Remove addresses without a connection, first those whose last connection was opened longest ago."""
        idle = [group for group, budget in self._by_address.items() if budget.users <= 0]
        for group in idle[: len(self._by_address) - _MAX_IDLE_ADDRESSES]:
            del self._by_address[group]
