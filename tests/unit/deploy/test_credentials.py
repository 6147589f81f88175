"""The secrets of a machine: random, private, and kept between starts."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from deploy import credentials
from roomcast.wire import redis_url


def test_secrets_are_created_once_and_kept(tmp_path: Path) -> None:
    first = credentials.load_or_make(tmp_path / "secrets")
    assert credentials.load_or_make(tmp_path / "secrets") == first


def test_an_account_of_a_newer_release_gets_a_password(tmp_path: Path) -> None:
    made = credentials.load_or_make(tmp_path)
    older = {**asdict(made), "redis": {name: made.redis[name] for name in made.redis if name != "api"}}
    (tmp_path / "credentials.json").write_text(json.dumps(older))
    again = credentials.load_or_make(tmp_path)
    assert again.redis["api"] != made.redis["api"]
    assert {**again.redis, "api": ""} == {**made.redis, "api": ""}
    assert credentials.load(tmp_path) == again
    del older["api_key"]
    (tmp_path / "credentials.json").write_text(json.dumps(older))
    assert credentials.load_or_make(tmp_path).api_key.startswith("rck_")


def test_other_users_cannot_read_the_secrets(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    credentials.load_or_make(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in folder.iterdir()] == [0o600]


def test_a_readable_folder_is_made_private(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir(mode=0o755)
    credentials.load_or_make(tmp_path / "secrets")
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


def test_two_machines_have_no_secret_in_common() -> None:
    one, other = credentials.make(), credentials.make()
    secrets_of = [
        {*made.redis.values(), made.jwt_secret, made.cluster_key, made.s3_secret_key, made.api_key}
        for made in (one, other)
    ]
    assert not secrets_of[0] & secrets_of[1]
    assert len(secrets_of[0]) == len(credentials.REDIS_ACCOUNTS) + 4
    assert len(one.jwt_secret) >= 32


def test_the_processes_can_read_the_url_of_an_account() -> None:
    made = credentials.make()
    target = redis_url.parse(made.redis_url("media", 6379))
    assert (target.username, target.password, target.hosts) == ("media", made.redis["media"], (("127.0.0.1", 6379),))


def test_an_unknown_account_has_no_url() -> None:
    with pytest.raises(KeyError):
        credentials.make().redis_url("root", 6379)


def test_a_secret_that_an_older_release_did_not_have_is_added(tmp_path: Path) -> None:
    first = credentials.load_or_make(tmp_path)
    path = tmp_path / "credentials.json"
    known = json.loads(path.read_text())
    del known["cluster_key"]
    path.write_text(json.dumps(known))
    second = credentials.load_or_make(tmp_path)
    assert replace(second, cluster_key=first.cluster_key) == first
    assert len(second.cluster_key) >= 32
    assert credentials.load(tmp_path) == second
    assert path.stat().st_mode & 0o777 == 0o600
