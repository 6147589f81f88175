"""The settings of a gateway; `process/test_settings.py` tests the settings that all processes have."""

from __future__ import annotations

import pytest

from roomcast.gateway.config import Config
from roomcast.process.settings import load
from tests import settings

GOOD = {"REDIS_URL": "redis://127.0.0.1:6379/0", "JWT_SECRET": "s" * 32}


def config(patch: pytest.MonkeyPatch, **variables: str) -> Config:
    settings.use(patch, **{f"ROOMCAST_{name}": value for name, value in (GOOD | variables).items()})
    return load(Config, "gateway")


def test_only_the_redis_url_and_the_jwt_secret_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    made = config(monkeypatch)

    assert (made.node, made.host, made.dev_login) == ("", "127.0.0.1", False)


def test_lists_are_split_at_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    made = config(monkeypatch, ALLOWED_ORIGINS="https://a.example, http://b:81", TRUSTED_PROXIES="10.0.0.0/8,::1")

    assert made.allowed_origins == ("https://a.example", "http://b:81")
    assert made.trusted_proxies == ("10.0.0.0/8", "::1")


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"JWT_SECRET": "short"}, "ROOMCAST_JWT_SECRET: each secret must have at least 32 bytes"),
        ({"JWT_SECRET": ""}, "JWT_SECRET"),
        ({"JWKS_URL": "file:///x"}, "either"),
        ({"JWT_SECRET": "", "JWKS_URL": "file:///x", "DEV_LOGIN": "1"}, "DEV_LOGIN"),
        ({"NODE": "a-b"}, "ROOMCAST_NODE"),
        ({"NODE": "g1"}, "ROOMCAST_NODE"),
        ({"NODE": "0"}, "ROOMCAST_NODE"),
        ({"NODE": "01"}, "ROOMCAST_NODE"),
        ({"NODE": "10000"}, "ROOMCAST_NODE"),
        ({"PORT": "http"}, "ROOMCAST_PORT"),
        ({"PORT": "65536"}, "ROOMCAST_PORT"),
        ({"TRUSTED_PROXIES": "anywhere"}, "ROOMCAST_TRUSTED_PROXIES"),
        ({"TRUSTED_PROXIES": "10.0.0.1/8"}, "ROOMCAST_TRUSTED_PROXIES"),
        ({"ALLOWED_ORIGINS": "chat.example.com"}, "ROOMCAST_ALLOWED_ORIGINS"),
        ({"ALLOWED_ORIGINS": "https://a.example/path"}, "ROOMCAST_ALLOWED_ORIGINS"),
        ({"DRAIN_SECONDS": "-1"}, "ROOMCAST_DRAIN_SECONDS"),
        ({"EVENTS_PER_SECOND": "0"}, "ROOMCAST_EVENTS_PER_SECOND"),
    ],
    ids=str,
)
def test_a_bad_setting_ends_the_start_with_one_line(
    given: dict[str, str], word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        config(monkeypatch, **given)

    assert settings.one_line_of(capsys).count(word) == 1
