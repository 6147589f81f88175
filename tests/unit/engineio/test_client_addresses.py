"""A client's address, and the bound on its unfinished sessions."""

from __future__ import annotations

import pytest

from roomcast.engineio.limits.client_addresses import Peers, PendingCap

PEERS = Peers(["127.0.0.0/8", "10.0.0.0/8", "::1/128"])


@pytest.mark.parametrize(
    ("remote", "forwarded", "peer"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
        ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "1.1.1.1, 198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "1.1.1.1, 198.51.100.7, 10.1.2.3", "198.51.100.7"),
        ("127.0.0.1", "127.0.0.9", "127.0.0.9"),
        ("127.0.0.1", "127.0.0.9, 10.0.0.1", "127.0.0.9"),
        ("127.0.0.1", "1.1.1.1, rubbish", "127.0.0.1"),
        ("127.0.0.1", "1.1.1.1, rubbish, 10.0.0.5", "10.0.0.5"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", None, "127.0.0.1"),
        ("::1", "2001:db8::1", "2001:db8::1"),
        ("::ffff:127.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("", "198.51.100.7", "198.51.100.7"),
    ],
)
def test_the_client_is_the_right_most_address_that_is_no_proxy(remote: str, forwarded: str | None, peer: str) -> None:
    assert PEERS.find(remote, forwarded) == peer


def test_without_trusted_proxies_no_header_is_read() -> None:
    assert Peers([]).find("127.0.0.1", "198.51.100.7") == "127.0.0.1"


def test_an_invalid_network_is_refused() -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        Peers(["localhost"])


def test_the_cap_counts_per_address() -> None:
    cap = PendingCap(2)
    cap.add("192.0.2.1")
    cap.add("192.0.2.1")
    assert cap.is_full("192.0.2.1")
    assert not cap.is_full("192.0.2.2")
    cap.remove("192.0.2.1")
    assert not cap.is_full("192.0.2.1")
    cap.remove("192.0.2.1")
    assert len(cap) == 0


def test_an_ipv6_network_counts_as_one() -> None:
    cap = PendingCap(1)
    cap.add("2001:db8:0:1::1")
    assert cap.is_full("2001:db8:0:1:ffff::2")
    assert not cap.is_full("2001:db8:0:2::1")
