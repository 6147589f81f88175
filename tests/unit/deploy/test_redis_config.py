"""The ACL file gives each account the rights in the table of keys. redis.conf quotes its paths."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from deploy import redis_config
from deploy.credentials import REDIS_ACCOUNTS
from roomcast.contract import keys

ACCOUNT_OF = {"gateway": "gateway", "presence": "presence", "media": "media", "back end": "backend", "API": "api"}
WRITER_OF = {**ACCOUNT_OF, "operator": "admin"}


class Row(NamedTuple):
    """A row of the table in `roomcast.contract.keys`: the name as a pattern, its kind, its writers and readers."""

    pattern: str
    is_channel: bool
    writers: frozenset[str]
    readers: frozenset[str]


def documented() -> list[Row]:
    """Return the rows of the table. A cell with several names gives one row per name."""
    rows = []
    for line in (keys.__doc__ or "").splitlines():
        cells = [cell.strip() for cell in re.split(r" \| ", line.strip("| "))]
        if len(cells) < 4 or not cells[0].startswith("`"):
            continue
        first, *others = re.findall(r"`([^`]+)`", cells[0])
        stem = first.rpartition("}")[0] + "}" if "}" in first else first
        names = [first, *(f"{stem}{other}" if other.startswith(":") else other for other in others)]
        writers, readers = (frozenset(a for word, a in WRITER_OF.items() if word in cells[n]) for n in (2, 3))
        rows += [
            Row(re.sub(r"\b(?:[RSNUIJs]|XX)\b", "*", name), "channel" in cells[1], writers, readers) for name in names
        ]
    return rows


def patterns_of(account: str, sigil: str) -> set[str]:
    """Return an account's patterns with this prefix: `~` (keys), `%R~` (keys to read) or `&` (channels)."""
    words = redis_config.ACCOUNTS[account].split()
    return {word.removeprefix(sigil) for word in words if word.startswith(sigil)}


def test_the_table_of_keys_is_parsed() -> None:
    patterns = {row.pattern for row in documented()}
    assert len(patterns) > 30
    assert {"room:{*}:log", "room:{*}:ids:old", "control", "presence:{*}", "revoked:{user:*}"} <= patterns
    assert not [row for row in documented() if not row.writers]


@pytest.mark.parametrize("account", ACCOUNT_OF.values())
def test_an_account_has_exactly_the_keys_and_channels_of_the_table(account: str) -> None:
    """A script lists the channels on which it publishes among its KEYS, so an account may have a channel as a key."""
    rows = documented()
    if account == "api":  # the account of the API has all rights of back ends, and more
        rows = [row._replace(writers=_with_api(row.writers), readers=_with_api(row.readers)) for row in rows]
    writes = {row.pattern for row in rows if account in row.writers and not row.is_channel}
    reads = {row.pattern for row in rows if account in row.readers and not row.is_channel}
    published = {row.pattern for row in rows if account in row.writers and row.is_channel}
    subscribed = {row.pattern for row in rows if account in row.readers and row.is_channel}
    channels = {"room:{*}", "user:{*}", "presence:{*}"}
    assert patterns_of(account, "~") - channels == writes
    assert patterns_of(account, "~") & channels <= published
    assert patterns_of(account, "%R~") == reads - writes
    assert patterns_of(account, "&") == published | subscribed


def _with_api(accounts: frozenset[str]) -> frozenset[str]:
    return accounts | {"api"} if "backend" in accounts else accounts


def test_only_gateways_may_subscribe() -> None:
    assert {"+subscribe", "+ssubscribe"} <= set(redis_config.ACCOUNTS["gateway"].split())
    for account in ("presence", "media", "backend", "api"):
        rules = set(redis_config.ACCOUNTS[account].split())
        assert not rules & {"+subscribe", "+ssubscribe", "+psubscribe"}
    assert "&node:{*}" not in redis_config.ACCOUNTS["backend"].split()


@pytest.mark.parametrize("account", ACCOUNT_OF.values())
@pytest.mark.parametrize(
    "command",
    [
        *("config", "flushall", "flushdb", "keys", "scan", "function", "fcall", "script|flush", "script|kill", "acl"),
        *("debug", "shutdown", "replicaof", "migrate", "restore", "swapdb", "monitor", "client|kill", "psubscribe"),
    ],
)
def test_no_account_may_run_commands_that_it_does_not_need(account: str, command: str) -> None:
    rules = redis_config.ACCOUNTS[account].split()
    assert "-@all" in rules
    assert not [rule for rule in rules if rule.startswith("+@")]
    assert f"+{command}" not in rules
    assert not [rule for rule in rules if rule.startswith(f"+{command}|")]


def test_commands_that_scripts_call_are_allowed() -> None:
    assert {"+spublish", "+hsetnx", "+zadd"} <= set(redis_config.ACCOUNTS["gateway"].split())
    assert "+zrangebyscore" not in redis_config.ACCOUNTS["presence"].split()


def test_the_acl_file_contains_no_passwords() -> None:
    passwords = {account: f"secret-of-{account}" for account in REDIS_ACCOUNTS}
    text = redis_config.acl(passwords)
    assert "secret-of" not in text
    assert text.splitlines()[0].startswith("user default reset off ")
    assert [line.split()[1] for line in text.splitlines()] == ["default", *redis_config.ACCOUNTS]


def test_every_account_of_the_acl_has_credentials() -> None:
    assert set(REDIS_ACCOUNTS) == set(redis_config.ACCOUNTS)


def test_paths_may_have_spaces_and_quotes() -> None:
    text = redis_config.config(1234, Path('/home/a b/"c"'), Path("/x y/users.acl"))
    assert 'dir "/home/a b/\\"c\\""' in text
    assert 'aclfile "/x y/users.acl"' in text
    assert "bind 127.0.0.1\nport 1234\n" in text
