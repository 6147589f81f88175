"""Find the address of a client behind proxies, and limit the unfinished sessions of one address."""

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
        """Tell whether `address` is a trusted proxy. The peer of a Unix socket (it has no address) is trusted, too."""
        parsed = _parse(address)
        if parsed is None:
            return address == ""
        return any(parsed in network for network in self._networks if network.version == parsed.version)

    def find(self, remote: str, forwarded_for: str | None) -> str:
        """Return `remote`, or, if it is a trusted proxy, the last X-Forwarded-For address that is no trusted proxy.

        Each trusted proxy appends the address that it saw. The entries before the result may be forged by the client,
        and are not read. If every entry is a trusted proxy, the first entry is the result.
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
    """Counts, for each address, the sessions that have not sent their Socket.IO CONNECT yet."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: dict[str, int] = {}
        self._opened: dict[str, dict[str, float]] = {}
        """address -> session -> the time when it was opened, oldest first"""

    def __len__(self) -> int:
        return sum(self._counts.values())

    def is_full(self, peer: str) -> bool:
        """Tell whether the address has reached its limit."""
        return self._counts.get(address_group(peer), 0) >= self._limit

    def add(self, peer: str, sid: str = "", now: float = 0.0) -> None:
        """Count one more pending session, or, without `sid`, one more request that waits for admission."""
        group = address_group(peer)
        self._counts[group] = self._counts.get(group, 0) + 1
        if sid:
            self._opened.setdefault(group, {})[sid] = now

    def oldest(self, peer: str, before: float) -> str:
        """Return the oldest pending session of this address, or `""` if it was opened after `before`."""
        for sid, opened_at in self._opened.get(address_group(peer), {}).items():
            return sid if opened_at <= before else ""
        return ""

    def remove(self, peer: str, sid: str = "") -> None:
        """Undo one call of `add` with the same arguments."""
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
    """Return an IPv4 address itself, and the /64 network of an IPv6 address: one subscriber usually has a whole /64."""
    if ":" not in peer:
        return peer
    parsed = _parse(peer)
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else peer
