"""The real address of a client, and the bound on unfinished sessions of one address."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

LOOPBACK = ("127.0.0.0/8", "::1/128")


class Peers:
    """Finds the client's address behind trusted proxies (networks in CIDR form)."""

    def __init__(self, trusted_proxies: Iterable[str] = LOOPBACK) -> None:
        self._networks = [ip_network(network) for network in trusted_proxies]
        self.is_trusted = lru_cache(maxsize=1024)(self._is_trusted)

    def _is_trusted(self, address: str) -> bool:
        """Is this a proxy whose forwarding headers count? A Unix socket (no address) has only local clients."""
        parsed = _parse(address)
        if parsed is None:
            return address == ""
        return any(parsed in network for network in self._networks if network.version == parsed.version)

    def find(self, remote: str, forwarded_for: str | None) -> str:
        """Return the right-most address that is no trusted proxy: `remote` itself, or one of X-Forwarded-For.

        Entries left of it were written by the client and mean nothing. When all are trusted, the left-most is it.
        """
        peer = remote
        for entry in reversed((forwarded_for or "").split(",")):
            if not self.is_trusted(peer):
                break
            parsed = _parse(entry.strip())
            if parsed is None:
                break
            peer = str(parsed)
        return peer


class PendingCap:
    """Counts the sessions without a CONNECT per address."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: dict[str, int] = {}
        self._opened: dict[str, dict[str, float]] = {}
        """address -> session -> when it was opened, oldest first"""

    def __len__(self) -> int:
        return sum(self._counts.values())

    def is_full(self, peer: str) -> bool:
        """Tell whether the address has as many as it may."""
        return self._counts.get(address_group(peer), 0) >= self._limit

    def add(self, peer: str, sid: str = "", now: float = 0.0) -> None:
        """Count one more: a session, or (without an id) a request that waits for its place."""
        group = address_group(peer)
        self._counts[group] = self._counts.get(group, 0) + 1
        if sid:
            self._opened.setdefault(group, {})[sid] = now

    def oldest(self, peer: str, before: float) -> str:
        """Return the session of this address that is pending for longest; `""` if it was opened after `before`."""
        for sid, opened_at in self._opened.get(address_group(peer), {}).items():
            return sid if opened_at <= before else ""
        return ""

    def remove(self, peer: str, sid: str = "") -> None:
        """Count one less."""
        group = address_group(peer)
        if sid and (opened := self._opened.get(group)) is not None:
            opened.pop(sid, None)
            if not opened:
                del self._opened[group]
        count = self._counts.get(group, 0) - 1
        if count > 0:
            self._counts[group] = count
        else:
            self._counts.pop(group, None)


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def address_group(peer: str) -> str:
    """Return what one subscriber usually has: an IPv4 address, or an IPv6 /64."""
    parsed = _parse(peer) if ":" in peer else None
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else peer
