"""`open_sockets` opens the listening sockets for an IPv4 address, an IPv6 address or a host name."""

from __future__ import annotations

import socket

import pytest

from roomcast.process.listen import open_sockets
from tests import servers


def connects(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as client:
        client.settimeout(2)
        return client.connect_ex((host, port)) == 0


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def test_the_address_for_all_interfaces_includes_ipv4_and_ipv6() -> None:
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    (listener,) = open_sockets("::", 0)
    with listener:
        port = listener.getsockname()[1]
        assert connects("127.0.0.1", port)
        assert connects("::1", port)


def test_one_address_has_one_socket() -> None:
    (listener,) = open_sockets("127.0.0.1", 0)
    with listener:
        assert connects("127.0.0.1", listener.getsockname()[1])


def test_if_a_port_is_in_use_the_sockets_opened_before_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host has two addresses. The port of the second address is in use."""
    free, taken = servers.free_port(), socket.create_server(("127.0.0.1", 0))
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", free)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", taken.getsockname()[1])),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with taken, pytest.raises(OSError, match="in use"):
        open_sockets("two.example", 0)
    assert not connects("127.0.0.1", free)
