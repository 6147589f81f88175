"""Write redis.conf and the ACL file of a cluster, as text. Pure.

Each kind of process has its own account. An account may use the keys and channels that `roomcast.contract.keys` gives
it, and only the commands that its code and its scripts call: none that changes the configuration, lists keys, loads
functions or empties a database.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from deploy import template
from deploy.layout import HOST
from roomcast.contract.lua import all_scripts

TEMPLATE: Final = Path(__file__).with_name("redis.conf")
MAXMEMORY: Final = "2gb"

_BASE: Final = (
    "auth hello ping select client|setname info time wait readonly asking command"
    " cluster|slots cluster|shards cluster|nodes multi exec discard"
    " eval evalsha eval_ro evalsha_ro script|load script|exists"
)
"""The connection, and scripts. INFO is for `run_id`, by which the scripts notice that Redis was restarted."""

_CALL: Final = re.compile(r"redis\.p?call\(\s*'([A-Za-z]+)'")
_READ_ONLY: Final = "%R~"


class Account(NamedTuple):
    """One account's rights: key patterns (`%R~`: read only), channel patterns, scripts by prefix, more commands."""

    keys: str
    channels: str
    scripts: tuple[str, ...]
    commands: str

    @property
    def rules(self) -> str:
        """Return the ACL rules: nothing is allowed but what the account's code and scripts call."""
        allowed = sorted({*_BASE.split(), *self.commands.split(), *_called_by(self.scripts)})
        patterns = " ".join(part for part in (self.keys, self.channels) if part)
        return f"{patterns} -@all {' '.join(f'+{command}' for command in allowed)}"

    def extended(
        self, keys: str = "", channels: str = "", scripts: tuple[str, ...] = (), commands: str = ""
    ) -> Account:
        """Return an account with these rights as well."""
        return Account(
            f"{self.keys} {keys}".strip(),
            f"{self.channels} {channels}".strip(),
            (*self.scripts, *scripts),
            f"{self.commands} {commands}".strip(),
        )


def _called_by(prefixes: tuple[str, ...]) -> set[str]:
    """Return the commands that the scripts with these prefixes call, in lower case."""
    scripts = (script for script in all_scripts() if script.name.startswith(prefixes))
    return {call.lower() for script in scripts for call in _CALL.findall(script.source.decode())}


_PUBSUB: Final = "publish spublish subscribe unsubscribe ssubscribe sunsubscribe"

_PARTS: Final[dict[str, Account]] = {
    "gateway": Account(
        "~room:* ~user:* ~node:* ~presence:* ~media:requests ~moderation:* %R~upload:* %R~revoked:*",
        "&room:* &namespace:* &node:* &user:* &presence:* &activity:* &control",
        ("",),
        f"{_PUBSUB} get set del exists pttl hget hgetall hmget hkeys hlen hset hdel hscan"
        " hrandfield sadd srem scard smembers xadd xdel xrange",
    ),
    "presence": Account("~presence:* %R~node:*", "&presence:*", ("lease", "presence"), "get hdel srandmember"),
    "media": Account(
        "~media:* ~upload:* ~user:*:uploads ~user:*:upload_bytes",
        "&node:*",
        ("lease", "media", "upload"),
        "spublish get set del exists hget hgetall hmget pexpire zadd zrem zrange zrangebyscore zcard"
        " xadd xack xdel xlen xpending xautoclaim xclaim xreadgroup xgroup|create xgroup|delconsumer xinfo|groups"
        " xinfo|stream xinfo|consumers",
    ),
    "backend": Account(
        "~room:* ~user:* ~revoked:* ~moderation:* ~media:requests %R~upload:* %R~presence:* %R~node:*",
        "&room:* &namespace:* &user:* &activity:* &node:{backend-* &control",
        ("occupancy", "presence_query", "presence_look", "room", "user"),
        "publish spublish get mget set del exists expire hget hgetall hmget hkeys hlen hdel hset hexists hscan"
        " pttl sadd scard srem smembers ssubscribe sunsubscribe xadd xrange xdel zcard",
    ),
}
_PARTS["api"] = _PARTS["backend"].extended("%R~api:keys ~api:rate:*", scripts=("api",))

ACCOUNTS: Final[Mapping[str, str]] = {
    **{name: account.rules for name, account in _PARTS.items()},
    "admin": "~* &* +@all",
}
"""The rights of each account: key patterns (`%R~` to read only), channel patterns, commands."""

DEFAULT_ACCOUNT: Final = "user default reset off ~* &* +@all"
"""Off: no client logs in as it. Its rights must stay whole all the same, for Redis replays its append-only file as it:
with fewer, every transaction in the file (each script is one) is refused and dropped at the next start, and data with
it."""


def acl(passwords: Mapping[str, str]) -> str:
    """Return the ACL file: the default account is off, every other has the SHA-256 of its password (`#<hash>`)."""
    lines = [DEFAULT_ACCOUNT]
    for account, rules in ACCOUNTS.items():
        digest = hashlib.sha256(passwords[account].encode()).hexdigest()
        lines.append(f"user {account} reset on #{digest} {rules}")
    return "\n".join(lines) + "\n"


def config(port: int, data: Path, acl_file: Path, bind: str = HOST) -> str:
    """Return the redis.conf of a server on `port` of the address `bind`. Paths may hold spaces and quotes."""
    values = {
        "REDIS_BIND": bind,
        "REDIS_PORT": str(port),
        "REDIS_DATA": _quoted(data),
        "REDIS_ACL": _quoted(acl_file),
        "REDIS_MAXMEMORY": MAXMEMORY,
    }
    return template.fill(TEMPLATE.read_text(), values)


def _quoted(path: Path) -> str:
    """Return a path for use between double quotes in redis.conf."""
    return str(path).replace("\\", "\\\\").replace('"', '\\"')
