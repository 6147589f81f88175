"""The check of the Redis URL. The other checks need a Redis: see tests/cluster/test_cli.py."""

from __future__ import annotations

import pytest

from roomcast.cli.doctor import check_url


@pytest.mark.parametrize(
    ("url", "level", "words"),
    [
        ("redis://admin:secret@localhost:6379", "ok", ""),
        ("rediss://admin:secret@redis.example.com", "ok", ""),
        ("unix:///run/redis.sock", "warning", "password"),
        ("redis://admin:secret@redis.example.com", "warning", "rediss://"),
        ("redis+sentinel://a:b@127.0.0.1:26379,10.0.0.2:26379/main", "warning", "rediss://"),
        ("redis://127.0.0.1:6379", "warning", "password"),
    ],
)
def test_check_url_warns_of_an_unencrypted_or_missing_password(url: str, level: str, words: str) -> None:
    finding = check_url(url)
    assert finding.level == level
    assert words in finding.advice
    assert "secret" not in finding.seen
