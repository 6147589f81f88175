"""The fields of an INFO reply, and the warnings about the server."""

from __future__ import annotations

import pytest

from roomcast.wire.redis_info import RedisInfo, parse_info

TEXT = (
    b"# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n\r\n# Memory\r\nmaxmemory_policy:allkeys-lru\r\nrole:slave\r\n"
)


def test_parse_info_finds_the_fields() -> None:
    assert parse_info(TEXT) == RedisInfo("abc", "7.0.15", "slave", "allkeys-lru")
    assert parse_info(TEXT).is_replica
    assert parse_info(b"") == RedisInfo("", "", "", "")


@pytest.mark.parametrize(("version", "is_too_old"), [("6.2.14", True), ("7.0.0", False), ("8.2.1", False), ("", False)])
def test_a_redis_without_sharded_pubsub_is_too_old(version: str, is_too_old: bool) -> None:
    info = RedisInfo("", version, "master", "noeviction")
    assert info.is_too_old is is_too_old
    assert len(info.warnings) == is_too_old


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "allkeys-random"])
def test_a_policy_that_evicts_keys_causes_a_warning(policy: str) -> None:
    (warning,) = RedisInfo("", "7.2.0", "master", policy).warnings
    assert policy in warning
