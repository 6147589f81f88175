"""Find the server of a key: a fixed server, the master that Sentinels name, or the owner of a hash slot."""

from __future__ import annotations

import re
from binascii import crc_hqx
from typing import Any, Final, NamedTuple

from roomcast.adapter.redis.connection import NotConnected, RedisConnectionError, open_connection
from roomcast.wire.redis_url import RedisTarget

SLOTS: Final = 16_384
_REDIRECTION: Final = re.compile(r"(ASK|MOVED) (\d{1,5}) (.*):(\d{1,5})(?: |$)")


class FixedServer:
    """A single server at a fixed address."""

    def __init__(self, target: RedisTarget) -> None:
        self._target = target

    async def resolve(self) -> RedisTarget:
        """Return the server."""
        return self._target


class SentinelMaster:
    """The master of a Sentinel service. `resolve` asks the Sentinels for its address before every connection.

    A Sentinel may name the old master for a moment after a failover. Callers check the role after they connect.
    """

    def __init__(self, target: RedisTarget, timeout_seconds: float) -> None:
        self._target = target
        self._timeout = timeout_seconds
        self._sentinels = list(target.hosts)

    async def resolve(self) -> RedisTarget:
        """Return the master. Raise NotConnected when no Sentinel answers, or no Sentinel knows the service."""
        reason = "no Sentinel knows the service"
        for address in list(self._sentinels):
            try:
                master = await self._ask(address)
            except (RedisConnectionError, OSError, TimeoutError) as error:
                reason = f"{address[0]}:{address[1]}: {str(error) or type(error).__name__}"
                continue
            if master is not None:
                self._sentinels.remove(address)
                self._sentinels.insert(0, address)
                return self._target.at(*master)
        raise NotConnected(f"no Sentinel names a master of {self._target.service} ({reason})")

    async def _ask(self, address: tuple[str, int]) -> tuple[str, int] | None:
        connection = await open_connection(self._target.sentinel_at(*address), timeout_seconds=self._timeout)
        try:
            answer = await connection.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._target.service or "")
        finally:
            connection.close()
        if not isinstance(answer, list) or len(answer) != 2:
            return None
        return answer[0].decode(), int(answer[1])


class SlotRange(NamedTuple):
    """The hash slots from `first` to `last`. They belong to the master at `host:port`."""

    first: int
    last: int
    host: str
    port: int


def slot_of(key: bytes) -> int:
    """Return the hash slot of a key or sharded channel: CRC-16 (XMODEM) of its hash tag, or else of the whole key.

    See https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model.
    """
    start = key.find(b"{")
    end = key.find(b"}", start + 1)
    has_tag = start >= 0 and end > start + 1  # an empty tag counts as no tag
    return crc_hqx(key[start + 1 : end] if has_tag else key, 0) % SLOTS


class Redirection(NamedTuple):
    """A server's redirection of a command: permanent (MOVED) or once (ASK). An empty `host` means an unknown host."""

    is_ask: bool
    slot: int
    host: str
    port: int


def read_redirection(error: str) -> Redirection | None:
    """Return the redirection in the text of an error, or None."""
    found = _REDIRECTION.match(error)
    if found is None:
        return None
    word, slot, host, port = found.groups()
    return Redirection(word == "ASK", int(slot), "" if host == "?" else host, int(port))


class ClusterTopology:
    """Asks the servers of a cluster, one after the other, which master owns which slots."""

    def __init__(self, target: RedisTarget, timeout_seconds: float) -> None:
        self._target = target
        self._timeout = timeout_seconds
        self._hosts = list(target.hosts)

    async def discover(self) -> list[SlotRange]:
        """Return the ranges of all masters. Raise NotConnected when no known server returns a range."""
        reason = "no server answers"
        for host, port in list(self._hosts):
            try:
                rows = await self._ask(host, port)
            except (RedisConnectionError, OSError, TimeoutError) as error:
                reason = f"{host}:{port}: {str(error) or type(error).__name__}"
                continue
            ranges = read_slots(rows, host)
            if ranges:
                self._hosts = list(dict.fromkeys([*((r.host, r.port) for r in ranges), *self._target.hosts]))
                return ranges
            reason = f"{host}:{port} names no master"
        raise NotConnected(f"no server of the cluster returned the map of slots ({reason})")

    async def _ask(self, host: str, port: int) -> Any:
        connection = await open_connection(self._target.at(host, port), timeout_seconds=self._timeout)
        try:
            return await connection.call("CLUSTER", "SLOTS")
        finally:
            connection.close()


def read_slots(rows: Any, asked: str) -> list[SlotRange]:
    """Read the reply of CLUSTER SLOTS from the server at `asked`. Leave out ranges whose master has no known address.

    A null or empty endpoint means the server at `asked`. `?` means an unknown endpoint: the metadata may then contain
    the address (https://redis.io/docs/latest/commands/cluster-slots/).
    """
    if not isinstance(rows, list):
        return []
    return [found for row in rows if (found := _read_range(row, asked)) is not None]


def _read_range(row: Any, asked: str) -> SlotRange | None:
    match row:
        case [int(first), int(last), [endpoint, int(port), *more], *_] if 0 <= first <= last < SLOTS and port:
            host = endpoint.decode(errors="replace") if isinstance(endpoint, bytes) else ""
            if host == "?":
                host = _metadata(more).get("ip", "")
                return SlotRange(first, last, host, port) if host else None
            return SlotRange(first, last, host or asked, port)
        case _:
            return None


def _metadata(more: list[Any]) -> dict[str, str]:
    """Return the metadata of a server: the list of alternating names and values after the server's id."""
    flat = more[1] if len(more) > 1 and isinstance(more[1], list) else []
    texts = [part.decode(errors="replace") if isinstance(part, bytes) else "" for part in flat]
    return dict(zip(texts[::2], texts[1::2], strict=False))
