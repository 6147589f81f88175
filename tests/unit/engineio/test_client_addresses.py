"""A client's address behind proxies, and the limit on the pending sessions of one address."""

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
def test_the_client_is_the_right_most_address_that_is_not_a_trusted_proxy(
    remote: str, forwarded: str | None, peer: str
) -> None:
    assert PEERS.find(remote, forwarded) == peer


def test_without_trusted_proxies_x_forwarded_for_is_not_read() -> None:
    assert Peers([]).find("127.0.0.1", "198.51.100.7") == "127.0.0.1"


def test_an_invalid_network_is_refused() -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        Peers(["localhost"])


def test_the_limit_of_pending_sessions_is_per_address() -> None:
    cap = PendingCap(2)
    cap.add("192.0.2.1")
    cap.add("192.0.2.1")
    assert cap.is_full("192.0.2.1")
    assert not cap.is_full("192.0.2.2")
    cap.remove("192.0.2.1")
    assert not cap.is_full("192.0.2.1")
    cap.remove("192.0.2.1")
    assert len(cap) == 0


def test_the_sessions_of_an_ipv6_network_are_counted_together() -> None:
    cap = PendingCap(1)
    cap.add("2001:db8:0:1::1")
    assert cap.is_full("2001:db8:0:1:ffff::2")
    assert not cap.is_full("2001:db8:0:2::1")
