"""The signer's command line and variables: a bad one is one clear line and exit code 2."""

from __future__ import annotations

import pytest

from media import __main__ as command
from media import config


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in config.Config.model_fields.values():
        monkeypatch.delenv(str(field.validation_alias), raising=False)


def test_everything_has_a_default() -> None:
    assert config.load().max_bytes == 10 * 1024 * 1024


def test_lists_are_split_at_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOMCAST_MEDIA_TYPES", "image/png, image/gif,")
    assert config.load().types == ("image/png", "image/gif")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ROOMCAST_METRICS_PORT", "http"),
        ("ROOMCAST_METRICS_PORT", "70000"),
        ("ROOMCAST_REDIS_URL", "http://127.0.0.1"),
        ("ROOMCAST_S3_ENDPOINT", "127.0.0.1:9000"),
        ("ROOMCAST_S3_PUBLIC_ENDPOINT", "https://cdn.example.com/path"),
        ("ROOMCAST_S3_BUCKET", "../x"),
        ("ROOMCAST_MEDIA_METHOD", "PATCH"),
        ("ROOMCAST_MEDIA_TYPES", "image/png,image/svg+xml"),
        ("ROOMCAST_MEDIA_DOWNLOAD_SECONDS", "604801"),
        ("ROOMCAST_UPLOAD_BYTES", "0"),
    ],
)
def test_a_bad_value_is_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as caught:
        config.load()
    error = capsys.readouterr().err
    assert caught.value.code == 2
    assert error.count("\n") == 1
    assert name in error


def test_half_of_the_credentials_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "only-this")
    with pytest.raises(SystemExit):
        config.load()
    assert "come together" in capsys.readouterr().err


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush")
    assert "hush-hush" not in repr(config.load())
    monkeypatch.setenv("ROOMCAST_REDIS_URL", "redis://:hush-hush@host:port")
    with pytest.raises(SystemExit):
        config.load()
    assert "hush-hush" not in capsys.readouterr().err


def test_help_lists_every_variable(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["media", "--help"])
    assert command.main() == 0
    shown = capsys.readouterr().out
    assert all(str(field.validation_alias) in shown for field in config.Config.model_fields.values())


def test_an_argument_is_an_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["media", "--port"])
    assert command.main() == 2
    assert capsys.readouterr().err.count("\n") == 1
