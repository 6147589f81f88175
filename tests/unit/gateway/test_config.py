"""The settings of a gateway: each bad one ends the start with one line that names it."""

from __future__ import annotations

import os

import pytest

from gateway.config import TITLE, Config
from process.settings import describe, load

GOOD = {"REDIS_URL": "redis://127.0.0.1:6379/0", "JWT_SECRET": "s" * 32}


def config(monkeypatch: pytest.MonkeyPatch, **settings: str) -> Config:
    for name in list(os.environ):
        if name.startswith("ROOMCAST_"):
            monkeypatch.delenv(name)
    for name, value in (GOOD | settings).items():
        monkeypatch.setenv(f"ROOMCAST_{name}", value)
    return load(Config, "gateway")


def test_a_url_and_a_secret_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    made = config(monkeypatch)

    assert (made.node, made.host, made.dev_login) == ("1", "127.0.0.1", False)
    assert "s" * 32 not in repr(made)


def test_lists_are_split_at_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    made = config(monkeypatch, ALLOWED_ORIGINS="https://a.example, http://b:81", TRUSTED_PROXIES="10.0.0.0/8,::1")

    assert made.allowed_origins == ("https://a.example", "http://b:81")
    assert made.trusted_proxies == ("10.0.0.0/8", "::1")


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"JWT_SECRET": "short"}, "32 bytes"),
        ({"JWT_SECRET": ""}, "JWT_SECRET"),
        ({"JWKS_URL": "file:///x"}, "either"),
        ({"JWT_SECRET": "", "JWKS_URL": "file:///x", "DEV_LOGIN": "1"}, "DEV_LOGIN"),
        ({"NODE": "a-b"}, "ROOMCAST_NODE"),
        ({"NODE": "x" * 17}, "ROOMCAST_NODE"),
        ({"PORT": "http"}, "ROOMCAST_PORT"),
        ({"PORT": "65536"}, "ROOMCAST_PORT"),
        ({"REDIS_URL": "http://x"}, "ROOMCAST_REDIS_URL"),
        ({"REDIS_URL": ""}, "ROOMCAST_REDIS_URL"),
        ({"TRUSTED_PROXIES": "everybody"}, "ROOMCAST_TRUSTED_PROXIES"),
        ({"TRUSTED_PROXIES": "10.0.0.1/8"}, "ROOMCAST_TRUSTED_PROXIES"),
        ({"ALLOWED_ORIGINS": "chat.example.com"}, "ROOMCAST_ALLOWED_ORIGINS"),
        ({"ALLOWED_ORIGINS": "https://a.example/path"}, "ROOMCAST_ALLOWED_ORIGINS"),
        ({"DRAIN_SECONDS": "-1"}, "ROOMCAST_DRAIN_SECONDS"),
        ({"EVENTS_BURST": "0"}, "ROOMCAST_EVENTS_BURST"),
        ({"LOG_LEVEL": "loud"}, "ROOMCAST_LOG_LEVEL"),
    ],
    ids=str,
)
def test_a_bad_one_ends_the_start_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], settings: dict[str, str], word: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        config(monkeypatch, **settings)

    said = capsys.readouterr().err
    assert caught.value.code == 2
    assert (len(said.splitlines()), said.count(word)) == (1, 1), said


def test_the_help_names_every_variable() -> None:
    text = describe(Config, TITLE)

    assert all(str(field.validation_alias) in text for field in Config.model_fields.values())
