"""Return redis.conf and the ACL file of a cluster, as text. Pure.

Each kind of process has its own account, with the keys and channels of `roomcast.contract.keys` that the process uses,
and the commands that its code and its scripts call. Except for `admin`, no account may change the configuration, list
keys, load functions or empty a database. Scripts get the names of channels in KEYS, too, so the key patterns include
`room:{*}` and `presence:{*}`.
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
"""Commands of every account, for connections and scripts. INFO has the `run_id`, which changes when Redis restarts."""

_CALL: Final = re.compile(r"redis\.p?call\(\s*'([A-Za-z]+)'")
_READ_ONLY: Final = "%R~"


class Account(NamedTuple):
    """The rights of an account: keys to write, keys to read only, channels, prefixes of script names, more commands."""

    writes: str
    reads: str
    channels: str
    scripts: tuple[str, ...]
    commands: str

    @property
    def rules(self) -> str:
        """Return the ACL rules, which allow only the commands that the account's code and scripts call."""
        allowed = sorted({*_BASE.split(), *self.commands.split(), *_called_by(self.scripts)})
        marks = (("~", self.writes), (_READ_ONLY, self.reads), ("&", self.channels))
        patterns = " ".join(f"{mark}{name}" for mark, names in marks for name in names.split())
        return f"{patterns} -@all {' '.join(f'+{command}' for command in allowed)}"

    def extended(self, writes: str, reads: str, scripts: tuple[str, ...]) -> Account:
        """Return an account that has these rights in addition."""
        return self._replace(
            writes=f"{self.writes} {writes}", reads=f"{self.reads} {reads}", scripts=(*self.scripts, *scripts)
        )


def _called_by(prefixes: tuple[str, ...]) -> set[str]:
    """Return the commands that the scripts with these prefixes call, in lower case."""
    scripts = (script for script in all_scripts() if script.name.startswith(prefixes))
    return {call.lower() for script in scripts for call in _CALL.findall(script.source.decode())}


_PUBSUB: Final = "publish spublish subscribe unsubscribe ssubscribe sunsubscribe"

_BY_BACK_ENDS: Final = (
    "room:{*} room:{*}:log room:{*}:meta room:{*}:ids room:{*}:ids:old room:{*}:members room:{*}:counts"
    " room:{*}:kicked room:{*}:read room:{*}:sanctions room:{*}:slow room:{*}:reports"
    " user:{*} user:{*}:rooms user:{*}:person user:{*}:created user:{*}:written"
    " media:requests moderation:reports rooms:directory people:directory"
)
"""The key patterns that gateways and back ends write."""

_PARTS: Final[dict[str, Account]] = {
    "gateway": Account(
        f"{_BY_BACK_ENDS} room:{{*}}:occupants room:{{*}}:nodes_of user:{{*}}:events user:{{*}}:blocked"
        " user:{*}:reported node:{*}:lease node:{*}:process node:{*}:state presence:{*} presence:{*}:seen"
        " presence:{*}:conn:* presence:{*}:choice:* presence:{*}:last presence:{*}:ends presence:{*}:node:*:*"
        " presence:nodes",
        "user:{*}:sanctions upload:{*} revoked:{token:*} revoked:{user:*} revoked:{session:*}",
        "room:{*} namespace:{*} node:{*} user:{*} presence:{*} activity:* control",
        ("",),
        f"{_PUBSUB} get hexists hget hgetall hmget hkeys hlen hset hdel hscan hrandfield pttl sadd srem scard smembers"
        " xadd xdel xrange zrange",
    ),
    "presence": Account(
        "presence:{*} presence:{*}:seen presence:{*}:conn:* presence:{*}:last presence:{*}:ends presence:{*}:node:*:*"
        " presence:{*}:mark presence:nodes presence:sweeper",
        "node:{*}:lease",
        "presence:{*}",
        ("lease", "presence_drop", "presence_end", "presence_shard_state", "presence_nodes", "presence_sweep"),
        "spublish get hdel srandmember",
    ),
    "media": Account(
        "media:requests media:incoming media:sweeper media:replies:{*} upload:{*} user:{*}:uploads"
        " user:{*}:upload_bytes",
        "",
        "node:{*}",
        ("media", "upload"),
        "spublish set del expire hmget rpush zadd zrem zrangebyscore"
        " xack xdel xpending xautoclaim xclaim xreadgroup xgroup|create xgroup|delconsumer xinfo|consumers",
    ),
    "backend": Account(
        f"{_BY_BACK_ENDS} user:{{*}}:sanctions media:replies:{{*}}"
        " revoked:{token:*} revoked:{user:*} revoked:{session:*}",
        "room:{*}:occupants room:{*}:nodes_of presence:{*}:seen presence:{*}:conn:* presence:{*}:last"
        " presence:{*}:node:*:* presence:nodes node:{*}:lease upload:{*}",
        "room:{*} namespace:{*} user:{*} activity:* control",
        ("presence_query", "room", "user_room", "user_created", "user_person", "user_revoke"),
        "publish spublish get set del persist pttl blpop hget hgetall hmget hkeys hlen hdel hset hexists hscan scard"
        " zcard xadd xrange xdel",
    ),
}
_PARTS["api"] = _PARTS["backend"].extended("api:rate:{*}", "api:keys", ("api",))

ACCOUNTS: Final[Mapping[str, str]] = {
    **{name: account.rules for name, account in _PARTS.items()},
    "admin": "~* &* +@all",
}
"""The rights of each account: key patterns (`%R~` to read only), channel patterns, commands."""

DEFAULT_ACCOUNT: Final = "user default reset off ~* &* +@all"
"""The rule of the default account. It is off, so that no client can log in with it. It keeps all rights, because Redis
replays its append-only file with this account. With fewer rights, Redis would refuse every transaction in the file
(each run of a script is one) at the next start, and would lose the data."""


def acl(passwords: Mapping[str, str]) -> str:
    """Return the ACL file: the default account is off; each other account has its password's SHA-256 (`#<hash>`)."""
    lines = [DEFAULT_ACCOUNT]
    for account, rules in ACCOUNTS.items():
        digest = hashlib.sha256(passwords[account].encode()).hexdigest()
        lines.append(f"user {account} reset on #{digest} {rules}")
    return "\n".join(lines) + "\n"


def config(port: int, data: Path, acl_file: Path, bind: str = HOST) -> str:
    """Return the redis.conf of a server on `port` of the address `bind`. Paths may contain spaces and quotes."""
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
