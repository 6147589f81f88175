"""Where Redis is, read from one URL. Pure: each process builds its own clients from the description.

    redis://[[user]:password@]host[:port][/db]           one server (rediss:// with TLS)
    unix://[[user]:password@]/path/to.sock[?db=1]        one server, by a local socket
    redis+sentinel://[…@]host:port,host:port/service[/db]    the master that the Sentinels name
    redis+cluster://[…@]host:port,host:port              a cluster, found from any of the named nodes

`rediss+sentinel://` and `rediss+cluster://` are the same with TLS. Credentials are percent-decoded and are those of the
data servers; IPv6 hosts stand in brackets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import parse_qs, unquote

Mode = Literal["standalone", "sentinel", "cluster"]

_PORTS: Final[dict[Mode, int]] = {"standalone": 6379, "sentinel": 26379, "cluster": 6379}
_SCHEMES: Final[dict[str, tuple[Mode, bool]]] = {
    "redis": ("standalone", False),
    "rediss": ("standalone", True),
    "unix": ("standalone", False),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
_HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.%]+)\]|(?P<name>[A-Za-z0-9_.-]+))(?::(?P<port>[0-9]+))?")


@dataclass(frozen=True, slots=True)
class RedisTarget:
    """A parsed URL. `hosts`: the server, the Sentinels, or some nodes of the cluster (none with a `unix_path`)."""

    mode: Mode
    hosts: tuple[tuple[str, int], ...] = ()
    unix_path: str | None = None
    service: str | None = None
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False

    @property
    def label(self) -> str:
        """Where it is, without credentials: for logs and error lines."""
        if self.unix_path is not None:
            return f"unix:{self.unix_path}"
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        return f"{self.mode} {hosts}" + (f" service {self.service}" if self.service else "")


def parse(url: str) -> RedisTarget:
    """The description in `url`; raises ValueError with one clear sentence (never holding the password)."""
    scheme, separator, rest = url.strip().partition("://")
    if not separator or scheme not in _SCHEMES:
        raise ValueError(f"a Redis URL starts with one of {', '.join(f'{name}://' for name in _SCHEMES)}")
    rest, _, query = rest.partition("?")
    authority, slash, path = rest.partition("/")
    if "@" in path:
        raise ValueError("the Redis URL has an @ after its first slash: percent-encode a slash in the password as %2F")
    credentials, _, hosts = authority.rpartition("@")
    username, password = _credentials(credentials)
    if scheme == "unix":
        return _unix(hosts, slash + path, query, username, password)
    if query:
        raise ValueError("the Redis URL takes no options after a question mark")
    mode, tls = _SCHEMES[scheme]
    service, db = _place(mode, path)
    return RedisTarget(mode, _hosts(hosts, mode), None, service, db, username, password, tls)


def _unix(host: str, path: str, query: str, username: str | None, password: str | None) -> RedisTarget:
    if host or len(path) < 2:
        raise ValueError("a unix:// Redis URL names an absolute path: unix:///run/redis.sock")
    options = parse_qs(query, keep_blank_values=True)
    if set(options) - {"db"}:
        raise ValueError("a unix:// Redis URL takes no option but db")
    db = _database(options.get("db", ["0"])[-1])
    return RedisTarget("standalone", (), unquote(path), None, db, username, password)


def _credentials(text: str) -> tuple[str | None, str | None]:
    username, _, password = text.partition(":")
    return unquote(username) or None, unquote(password) or None


def _hosts(text: str, mode: Mode) -> tuple[tuple[str, int], ...]:
    hosts = tuple(_host(part, _PORTS[mode]) for part in text.split(","))
    if mode == "standalone" and len(hosts) > 1:
        raise ValueError("several Redis hosts need redis+sentinel:// or redis+cluster://")
    return hosts


def _host(text: str, default_port: int) -> tuple[str, int]:
    match = _HOST.fullmatch(text)
    if match is None:
        raise ValueError("the Redis URL needs hosts of the form host:port, separated by commas")
    port = int(match["port"] or default_port)
    if not 1 <= port <= 65_535:
        raise ValueError(f"{port} in the Redis URL is no port")
    return match["six"] or match["name"], port


def _place(mode: Mode, path: str) -> tuple[str | None, int]:
    """The Sentinel service and the database number that a path names."""
    if mode == "standalone":
        return None, _database(path.rstrip("/"))
    if mode == "cluster":
        if _database(path.rstrip("/")):
            raise ValueError("a Redis cluster has only database 0")
        return None, 0
    service, _, db = path.partition("/")
    if not service:
        raise ValueError("a Sentinel URL ends with the service name: redis+sentinel://host:26379/service")
    return unquote(service), _database(db.rstrip("/"))


def _database(text: str) -> int:
    if not text:
        return 0
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"the Redis database is a number, not {text!r}")
    return int(text)
