"""Parse the URL of Redis into a `RedisTarget`. Pure: each process builds its own clients from the target.

    redis://[[user]:password@]host[:port][/db]           one server (rediss:// with TLS)
    unix://[[user]:password@]/path/to.sock[?db=1]        one server, by a local socket
    redis+sentinel://[…@]host:port,host:port/service[/db]    the master that the Sentinels name
    redis+cluster://[…@]host:port,host:port              a cluster, found through any of the named servers

`rediss+sentinel://` and `rediss+cluster://` are the same with TLS, to the Sentinels too. Credentials are
percent-decoded and are those of the data servers; IPv6 hosts stand in brackets. Options follow a question mark, named
as redis-py names them:

| option | for | meaning |
|---|---|---|
| `prefix` | all | the deployment: 1 to 32 of `A-Za-z0-9_-`, before every key and channel (see `keyspace`) |
| `db` | `unix://` | the database number |
| `ssl_ca_certs` | TLS | a file of CA certificates to trust, instead of the system's |
| `ssl_certfile`, `ssl_keyfile`, `ssl_password` | TLS | the client's certificate, its key, and the key's pass phrase |
| `ssl_cert_reqs` | TLS | `required` (default), or `none`: trust any certificate |
| `ssl_check_hostname` | TLS | `true` (default), or `false`: a certificate may name another host |
| `sentinel_username`, `sentinel_password` | Sentinel | the Sentinels' own credentials |
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Final, Literal
from urllib.parse import parse_qsl, unquote

from roomcast.wire.keyspace import Keyspace

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
_PREFIX = re.compile(r"[A-Za-z0-9_-]{1,32}")
_TLS_OPTIONS: Final = frozenset(
    ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_password", "ssl_cert_reqs", "ssl_check_hostname")
)
_SENTINEL_OPTIONS: Final = frozenset(("sentinel_username", "sentinel_password"))


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """The certificates of server and client; files are read when the connection's context is made."""

    ca_certs: str | None = None
    certfile: str | None = None
    keyfile: str | None = None
    password: str | None = field(default=None, repr=False)
    verify: bool = True
    check_hostname: bool = True


@dataclass(frozen=True, slots=True)
class RedisTarget:
    """A parsed URL. `hosts`: the server, the Sentinels, or some servers of the cluster (none with a `unix_path`)."""

    mode: Mode
    hosts: tuple[tuple[str, int], ...] = ()
    unix_path: str | None = None
    service: str | None = None
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    tls_options: TlsOptions = TlsOptions()
    sentinel_username: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)
    prefix: str = ""

    @property
    def keyspace(self) -> Keyspace:
        """The keyspace that adds the prefix of this deployment to names."""
        return Keyspace(self.prefix, self.db)

    def at(self, host: str, port: int) -> RedisTarget:
        """Return a copy of this target for one server: a Sentinel's master or a server of the cluster."""
        return replace(self, mode="standalone", hosts=((host, port),), service=None)

    def sentinel_at(self, host: str, port: int) -> RedisTarget:
        """Return the target for one Sentinel, with the Sentinels' own credentials."""
        username, password = self.sentinel_username, self.sentinel_password
        return replace(self.at(host, port), db=0, username=username, password=password)

    @property
    def label(self) -> str:
        """Return the address without credentials, for logs and error lines."""
        if self.unix_path is not None:
            return f"unix:{self.unix_path}"
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        return f"{self.mode} {hosts}" + (f" service {self.service}" if self.service else "")


def parse(url: str) -> RedisTarget:
    """Return the target in `url`. Raise ValueError with one clear sentence, which never contains the password."""
    scheme, separator, rest = url.strip().partition("://")
    if not separator or scheme not in _SCHEMES:
        raise ValueError(f"a Redis URL starts with one of {', '.join(f'{name}://' for name in _SCHEMES)}")
    rest, _, query = rest.partition("?")
    authority, slash, path = rest.partition("/")
    if "@" in path:
        raise ValueError("the Redis URL has an @ after its first slash: percent-encode a slash in the password as %2F")
    credentials, _, hosts = authority.rpartition("@")
    username, password = _credentials(credentials)
    mode, tls = _SCHEMES[scheme]
    options = _options(query, scheme, mode, tls)
    prefix = options.get("prefix", "")
    if scheme == "unix":
        place, db = _unix(hosts, slash + path), _database(options.get("db", ""))
        return RedisTarget(mode, (), place, None, db, username, password, prefix=prefix)
    service, db = _place(mode, path)
    return RedisTarget(
        mode,
        _hosts(hosts, mode),
        None,
        service,
        db,
        username,
        password,
        tls,
        _tls_options(options),
        options.get("sentinel_username"),
        options.get("sentinel_password"),
        prefix,
    )


def _options(query: str, scheme: str, mode: Mode, tls: bool) -> dict[str, str]:
    """Return the options after the question mark; raise ValueError for an option that the scheme does not allow."""
    found = dict(parse_qsl(query, keep_blank_values=True))
    known = {"prefix"} | ({"db"} if scheme == "unix" else set())
    known |= (_TLS_OPTIONS if tls else set()) | (_SENTINEL_OPTIONS if mode == "sentinel" else set())
    for name in found.keys() - known:
        hint = f"only with {_with_tls(scheme)}://" if name in _TLS_OPTIONS else f"one of {', '.join(sorted(known))}"
        raise ValueError(f"the Redis URL has an option {name[:40]!r}; it takes {hint}")
    if "prefix" in found and not _PREFIX.fullmatch(found["prefix"]):
        raise ValueError("prefix of the Redis URL has 1 to 32 characters of A-Z a-z 0-9 _ -")
    return found


def _with_tls(scheme: str) -> str:
    return "rediss" if scheme == "unix" else scheme.replace("redis", "rediss", 1)


def _tls_options(options: dict[str, str]) -> TlsOptions:
    verify = _choice(options, "ssl_cert_reqs", {"required": True, "none": False})
    check_hostname = _choice(options, "ssl_check_hostname", {"true": True, "false": False})
    certfile, keyfile = options.get("ssl_certfile"), options.get("ssl_keyfile")
    if keyfile is not None and certfile is None:
        raise ValueError("ssl_keyfile of the Redis URL needs ssl_certfile")
    return TlsOptions(
        options.get("ssl_ca_certs"), certfile, keyfile, options.get("ssl_password"), verify, check_hostname
    )


def _choice(options: dict[str, str], name: str, values: dict[str, bool]) -> bool:
    """Return the meaning of an option's value; the first of `values` is the default."""
    value = options.get(name, next(iter(values))).lower()
    if value not in values:
        raise ValueError(f"{name} of the Redis URL is {' or '.join(values)}")
    return values[value]


def _unix(host: str, path: str) -> str:
    if host or len(path) < 2:
        raise ValueError("a unix:// Redis URL names an absolute path: unix:///run/redis.sock")
    return unquote(path)


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
    """Return the Sentinel service and the database number that a path names."""
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
