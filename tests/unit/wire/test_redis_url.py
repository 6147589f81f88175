"""Redis URLs of every form, and the error text for each mistake."""

from __future__ import annotations

import pytest

from roomcast.wire.redis_url import RedisTarget, TlsOptions, parse


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
        ("redis://h?prefix=shop-1", RedisTarget("standalone", (("h", 6379),), prefix="shop-1")),
        (
            "rediss://h?ssl_ca_certs=/a%20b/ca.pem&ssl_certfile=c.pem&ssl_keyfile=k.pem&ssl_password=s%26",
            RedisTarget(
                "standalone",
                (("h", 6379),),
                tls=True,
                tls_options=TlsOptions("/a b/ca.pem", "c.pem", "k.pem", "s&"),
            ),
        ),
        (
            "rediss+cluster://h?ssl_cert_reqs=none&ssl_check_hostname=False",
            RedisTarget(
                "cluster", (("h", 6379),), tls=True, tls_options=TlsOptions(verify=False, check_hostname=False)
            ),
        ),
        (
            "redis+sentinel://:data@h/main?sentinel_username=u&sentinel_password=p%40",
            RedisTarget(
                "sentinel",
                (("h", 26379),),
                service="main",
                password="data",
                sentinel_username="u",
                sentinel_password="p@",
            ),
        ),
    ],
)
def test_a_url_of_every_form_is_parsed(url: str, target: RedisTarget) -> None:
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
        ("redis://h?ssl=1", "option 'ssl'; it takes one of prefix"),
        ("redis://h?ssl_ca_certs=x", "only with rediss://"),
        ("redis+sentinel://h/m?ssl_ca_certs=x", "only with rediss[+]sentinel://"),
        ("rediss://h?ssl_cert_reqs=maybe", "ssl_cert_reqs of the Redis URL is required or none"),
        ("rediss://h?ssl_check_hostname=1", "ssl_check_hostname of the Redis URL is true or false"),
        ("rediss://h?ssl_keyfile=k", "needs ssl_certfile"),
        ("redis://h?sentinel_password=x", "takes one of prefix"),
        ("redis://h?prefix=", "prefix of the Redis URL"),
        ("redis://h?prefix=a:b", "prefix of the Redis URL"),
        ("redis://h?prefix={a}", "prefix of the Redis URL"),
        ("redis://:s/ecret@h", "percent-encode"),
        ("redis+sentinel://a:1", "service name"),
        ("redis+cluster://a:1/2", "only database 0"),
        ("unix://", "absolute path"),
        ("unix://run/redis.sock", "absolute path"),
        ("unix:///r.sock?x=1", "takes one of db, prefix"),
    ],
)
def test_each_mistake_has_an_error_text_in_one_line(url: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        parse(url)
    assert "\n" not in str(caught.value)


def test_credentials_are_not_in_texts_for_the_log() -> None:
    target = parse("redis+sentinel://me:secret@a:1,[::1]:2/main")
    assert "secret" not in repr(target)
    assert "secret" not in repr(parse("rediss+sentinel://a/m?sentinel_password=secret&ssl_password=secret"))
    assert target.label == "sentinel a:1,[::1]:2 service main"
    with pytest.raises(ValueError, match="no port") as caught:
        parse("redis://:secret@h:99999")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("redis://h", "room:{a}"),
        ("redis://h/1", "@1:room:{a}"),
        ("redis://h?prefix=shop", "shop:room:{a}"),
        ("redis://h/1?prefix=shop", "shop:@1:room:{a}"),
        ("redis+cluster://h?prefix=shop", "shop:room:{a}"),
        ("unix:///r.sock?db=3", "@3:room:{a}"),
    ],
)
def test_each_database_and_prefix_has_its_own_names_of_keys(url: str, name: str) -> None:
    keyspace = parse(url).keyspace
    assert keyspace.name("room:{a}") == name
    assert keyspace.names(["room:{a}"]) == (name,)


def test_the_target_of_one_server_keeps_the_other_values_of_the_url() -> None:
    target = parse("rediss+sentinel://u:p@a,b/main/2?prefix=x&sentinel_password=s&ssl_ca_certs=ca")
    master, sentinel = target.at("m", 1), target.sentinel_at("a", 26379)
    assert (master.mode, master.hosts, master.password, master.db, master.tls) == (
        "standalone",
        (("m", 1),),
        "p",
        2,
        True,
    )
    assert master.keyspace.prefix == "x:@2:"
    assert (sentinel.username, sentinel.password, sentinel.db, sentinel.tls_options.ca_certs) == (None, "s", 0, "ca")
