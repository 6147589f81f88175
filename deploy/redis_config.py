"""redis.conf and the ACL file of a cluster, as text. Pure.

Each kind of process has its own account. It may touch the keys and channels that
`contract/src/roomcast/contract/keys.py` gives it, with the
commands of ordinary work; nothing that reads the configuration, lists keys or empties the database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy import template
from deploy.layout import HOST

TEMPLATE: Final = Path(__file__).with_name("redis.conf")
MAXMEMORY: Final = "2gb"

_WORK: Final = (
    "-@all +@connection +@read +@write +@pubsub +@transaction +eval +evalsha +evalsha_ro +eval_ro +script|load"
    " +script|exists -@dangerous -@admin -scan -randomkey +time +wait +info"
)
"""Ordinary work. INFO is for the scripts, which compare `run_id` to notice a Redis that was restarted."""

_READ_ONLY: Final = "%R~"

ACCOUNTS: Final[Mapping[str, str]] = {
    "gateway": "~room:* ~user:* ~node:* ~presence:* ~media:requests %R~upload:* %R~revoked:*"
    f" &room:* &namespace:* &node:* &user:* &presence:* &control {_WORK}",
    "presence": f"~presence:* %R~node:* &presence:* {_WORK}",
    "media": f"~media:* ~upload:* ~user:*:uploads ~user:*:upload_bytes &node:* {_WORK}",
    "backend": f"~room:* ~user:* ~revoked:* %R~presence:* &room:* &namespace:* &user:* &control {_WORK}",
    "admin": "~* &* +@all",
}
"""What each account may do: key patterns (`%R~` to read only), channel patterns, commands."""

DEFAULT_ACCOUNT: Final = "user default reset off ~* &* +@all"
"""Off: nobody can be it. Its rights must stay whole all the same, for Redis replays its append-only file as it: with
fewer, every transaction in the file (each script is one) is refused and dropped at the next start, and data with it."""


def acl(passwords: Mapping[str, str]) -> str:
    """The ACL file: nobody is the default account, every other has the SHA-256 of its password (`#<hash>`)."""
    lines = [DEFAULT_ACCOUNT]
    for account, rules in ACCOUNTS.items():
        digest = hashlib.sha256(passwords[account].encode()).hexdigest()
        lines.append(f"user {account} reset on #{digest} {rules}")
    return "\n".join(lines) + "\n"


def config(port: int, data: Path, acl_file: Path, bind: str = HOST) -> str:
    """redis.conf of a server on `port` of the address `bind`. Paths may hold spaces and quotes."""
    values = {
        "REDIS_BIND": bind,
        "REDIS_PORT": str(port),
        "REDIS_DATA": _quoted(data),
        "REDIS_ACL": _quoted(acl_file),
        "REDIS_MAXMEMORY": MAXMEMORY,
    }
    return template.fill(TEMPLATE.read_text(), values)


def _quoted(path: Path) -> str:
    """A path for use between double quotes in redis.conf."""
    return str(path).replace("\\", "\\\\").replace('"', '\\"')
