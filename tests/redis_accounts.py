"""A Redis with the ACL accounts of a deployment, so that a test fails on a command that an account may not send."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy import redis_config
from tests import servers

PASSWORD = "password-of-{}"


@contextmanager
def redis_with_accounts(folder: Path) -> Iterator[Callable[[str], str]]:
    """Start a Redis; yield a function that returns the URL of an account (`gateway`, `media`, `admin`, …)."""
    passwords = {account: PASSWORD.format(account) for account in redis_config.ACCOUNTS}
    accounts = folder / "users.acl"
    accounts.write_text(redis_config.acl(passwords))
    with servers.redis_server(folder, "--aclfile", str(accounts)) as port:
        yield lambda account: f"redis://{account}:{passwords[account]}@127.0.0.1:{port}/0"
