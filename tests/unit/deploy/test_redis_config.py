"""redis.conf and the ACL file, held against the table of keys."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from deploy import redis_config
from deploy.credentials import REDIS_ACCOUNTS
from roomcast.contract import keys

ACCOUNT_OF = {"gateway": "gateway", "presence": "presence", "media": "media", "back end": "backend", "API": "api"}
WRITER_OF = {**ACCOUNT_OF, "operator": "admin"}


def documented() -> list[tuple[str, bool, set[str], set[str]]]:
    """Rows of the table in `roomcast.contract.keys`: a sample name, is it a channel, who writes, who reads."""
    rows = []
    for line in (keys.__doc__ or "").splitlines():
        cells = [cell.strip() for cell in re.split(r" \| ", line.strip("| "))]
        if len(cells) < 4 or not cells[0].startswith("`"):
            continue
        first = re.findall(r"`([^`]+)`", cells[0])[0]
        writers, readers = ({a for word, a in WRITER_OF.items() if word in cells[n]} for n in (2, 3))
        rows.append((re.sub(r"\b[RSNUIJs]\b", "x", first), "channel" in cells[1], writers, readers))
    return rows


def allowed(account: str, name: str, sigil: str) -> bool:
    patterns = [word.removeprefix(sigil) for word in redis_config.ACCOUNTS[account].split() if word.startswith(sigil)]
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def test_the_table_is_read() -> None:
    names = [row[0] for row in documented()]
    assert len(names) > 20
    assert {"room:{x}:log", "control", "presence:{x}"} <= set(names)


@pytest.mark.parametrize(("name", "is_channel", "writers", "readers"), documented())
def test_every_account_reaches_what_the_table_gives_it(
    name: str, is_channel: bool, writers: set[str], readers: set[str]
) -> None:
    assert writers, f"{name} has no known writer"
    for account in writers:
        assert allowed(account, name, "&" if is_channel else "~"), f"{account} must write {name}"
    for account in readers:
        reads = allowed(account, name, "&") if is_channel else any(allowed(account, name, s) for s in ("~", "%R~"))
        assert reads, f"{account} must read {name}"


def test_strangers_names_are_out_of_reach() -> None:
    for account in ACCOUNT_OF.values():
        assert not any(allowed(account, "session:1", sigil) for sigil in ("~", "%R~", "&"))
    assert not allowed("presence", "room:{x}:log", "~")
    assert not allowed("gateway", "revoked:{user:x}", "~")
    assert not allowed("media", "room:{x}", "&")
    assert not allowed("api", "api:keys", "~")
    assert not allowed("backend", "api:keys", "%R~")


@pytest.mark.parametrize("account", ACCOUNT_OF.values())
@pytest.mark.parametrize(
    "command",
    [
        *("config", "flushall", "flushdb", "keys", "scan", "function", "fcall", "script|flush", "script|kill", "acl"),
        *("debug", "shutdown", "replicaof", "migrate", "restore", "swapdb", "monitor", "client|kill", "psubscribe"),
    ],
)
def test_no_account_may_run_what_its_work_does_not_need(account: str, command: str) -> None:
    rules = redis_config.ACCOUNTS[account].split()
    assert "-@all" in rules
    assert not [rule for rule in rules if rule.startswith("+@")]
    assert f"+{command}" not in rules
    assert not [rule for rule in rules if rule.startswith(f"+{command}|")]


def test_what_the_scripts_call_is_allowed() -> None:
    assert {"+spublish", "+hsetnx", "+zadd"} <= set(redis_config.ACCOUNTS["gateway"].split())
    assert "+zrangebyscore" not in redis_config.ACCOUNTS["presence"].split()


def test_passwords_are_not_in_the_file() -> None:
    passwords = {account: f"secret-of-{account}" for account in REDIS_ACCOUNTS}
    text = redis_config.acl(passwords)
    assert "secret-of" not in text
    assert text.splitlines()[0].startswith("user default reset off ")
    assert [line.split()[1] for line in text.splitlines()] == ["default", *redis_config.ACCOUNTS]


def test_every_account_has_a_password() -> None:
    assert set(REDIS_ACCOUNTS) == set(redis_config.ACCOUNTS)


def test_paths_with_spaces_and_quotes_survive() -> None:
    text = redis_config.config(1234, Path('/home/a b/"c"'), Path("/x y/users.acl"))
    assert 'dir "/home/a b/\\"c\\""' in text
    assert 'aclfile "/x y/users.acl"' in text
    assert "bind 127.0.0.1\nport 1234\n" in text
