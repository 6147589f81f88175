"""Redis URLs: every form, and one clear sentence for each mistake."""

from __future__ import annotations

import pytest

from roomcast.wire.redis_url import RedisTarget, parse


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("redis://localhost", RedisTarget("standalone", (("localhost", 6379),))),
        ("redis://10.0.0.1:7000/3", RedisTarget("standalone", (("10.0.0.1", 7000),), db=3)),
        ("redis://:p%40ss%2F@h/", RedisTarget("standalone", (("h", 6379),), password="p@ss/")),
        ("redis://me:p:w@h:1", RedisTarget("standalone", (("h", 1),), username="me", password="p:w")),
        ("rediss://h:1", RedisTarget("standalone", (("h", 1),), tls=True)),
        ("redis://[::1]:7000/0", RedisTarget("standalone", (("::1", 7000),))),
        ("unix:///run/redis.sock", RedisTarget("standalone", unix_path="/run/redis.sock")),
        (
            "unix://me:pw@/run/r.sock?db=2",
            RedisTarget("standalone", unix_path="/run/r.sock", db=2, username="me", password="pw"),
        ),
        (
            "redis+sentinel://:pw@a:1,b,[::1]:3/main/2",
            RedisTarget("sentinel", (("a", 1), ("b", 26379), ("::1", 3)), service="main", db=2, password="pw"),
        ),
        ("rediss+sentinel://a:1/main", RedisTarget("sentinel", (("a", 1),), service="main", tls=True)),
        ("redis+cluster://a:1,b:2", RedisTarget("cluster", (("a", 1), ("b", 2)))),
        ("rediss+cluster://a:1/0", RedisTarget("cluster", (("a", 1),), tls=True)),
    ],
)
def test_every_form_is_read(url: str, target: RedisTarget) -> None:
    assert parse(url) == target


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "starts with one of"),
        ("localhost:6379", "starts with one of"),
        ("http://h", "starts with one of"),
        ("redis://", "host:port"),
        ("redis://h:port", "host:port"),
        ("redis://h:0", "no port"),
        ("redis://h:99999", "no port"),
        ("redis://h/first", "database is a number"),
        ("redis://h/-1", "database is a number"),
        ("redis://a,b", "redis[+]sentinel:// or redis[+]cluster://"),
        ("redis://h?ssl=1", "no options"),
        ("redis://:s/ecret@h", "percent-encode"),
        ("redis+sentinel://a:1", "service name"),
        ("redis+cluster://a:1/2", "only database 0"),
        ("unix://", "absolute path"),
        ("unix://run/redis.sock", "absolute path"),
        ("unix:///r.sock?x=1", "no option but db"),
    ],
)
def test_a_mistake_gets_one_clear_sentence(url: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        parse(url)
    assert "\n" not in str(caught.value)


def test_credentials_stay_out_of_texts() -> None:
    target = parse("redis+sentinel://me:secret@a:1,[::1]:2/main")
    assert "secret" not in repr(target)
    assert target.label == "sentinel a:1,[::1]:2 service main"
    with pytest.raises(ValueError, match="no port") as caught:
        parse("redis://:secret@h:99999")
    assert "secret" not in str(caught.value)
