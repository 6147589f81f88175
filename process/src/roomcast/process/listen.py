"""Open listening sockets on an address; `::` stands for every address of this machine, IPv4 included."""

from __future__ import annotations

import socket

BACKLOG = 128
"""Connections that may wait to be accepted."""


def open_sockets(host: str, port: int, backlog: int = BACKLOG) -> list[socket.socket]:
    """Return listening sockets for all addresses of `host`. Raises OSError.

    For `::`, asyncio itself would listen on IPv6 only, and refuse IPv4 clients.
    """
    if host == "::" and socket.has_dualstack_ipv6():
        return [socket.create_server((host, port), family=socket.AF_INET6, backlog=backlog, dualstack_ipv6=True)]
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    opened: list[socket.socket] = []
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            opened.append(socket.create_server(address[:2], family=family, backlog=backlog))
    except OSError:
        for listener in opened:
            listener.close()
        raise
    return opened
