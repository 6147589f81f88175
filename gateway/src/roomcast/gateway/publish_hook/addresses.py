"""Distinguish public addresses from addresses of private networks. Pure."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

_NAT64: Final = ip_network("64:ff9b::/96")


def is_public(text: str) -> bool:
    """Return whether a text is an address of the public internet.

    An IPv6 address that contains an IPv4 address (mapped, 6to4, NAT64) is judged by the IPv4 address. A Teredo address
    is not public, because it leads to an unknown host behind a Teredo server.
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    inner = address if isinstance(address, IPv4Address) else _embedded(address)
    if inner is None:
        return False
    if isinstance(inner, IPv6Address) and inner.is_site_local:
        return False
    return inner.is_global and not inner.is_multicast and not inner.is_reserved


def _embedded(address: IPv6Address) -> IPv4Address | IPv6Address | None:
    if address.teredo is not None:
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
