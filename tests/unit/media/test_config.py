"""The settings of a signer; `process/test_settings.py` tests the settings that all processes have."""

from __future__ import annotations

import pytest

from roomcast.media.config import Config
from roomcast.process.settings import load
from tests import settings


def config(patch: pytest.MonkeyPatch, **variables: str) -> Config:
    settings.use(patch, ROOMCAST_REDIS_URL="redis://127.0.0.1", **variables)
    return load(Config, "media")


def test_only_the_redis_url_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    assert config(monkeypatch).max_bytes == 10 * 1024 * 1024


def test_types_are_split_at_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    assert config(monkeypatch, ROOMCAST_MEDIA_TYPES="image/png, image/gif,").types == ("image/png", "image/gif")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ROOMCAST_S3_ENDPOINT", "127.0.0.1:9000"),
        ("ROOMCAST_S3_PUBLIC_ENDPOINT", "https://cdn.example.com/path"),
        ("ROOMCAST_S3_BUCKET", "../x"),
        ("ROOMCAST_MEDIA_METHOD", "PATCH"),
        ("ROOMCAST_MEDIA_TYPES", "image/png,image/svg+xml"),
        ("ROOMCAST_MEDIA_DOWNLOAD_SECONDS", "604801"),
        ("ROOMCAST_UPLOAD_BYTES", "0"),
    ],
)
def test_a_bad_value_ends_the_start_with_one_line_that_names_the_setting(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        config(monkeypatch, **{name: value})
    assert name in settings.one_line_of(capsys)


def test_aliases_of_types_are_replaced_by_the_first_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert config(monkeypatch, ROOMCAST_MEDIA_TYPES="image/jpg,audio/mp3").types == ("image/jpeg", "audio/mpeg")


@pytest.mark.parametrize(("upload", "grace", "sweep"), [("300", 600, 15.0), ("6", 12, 0.3)])
def test_the_grace_and_sweep_times_follow_from_upload_seconds(
    monkeypatch: pytest.MonkeyPatch, upload: str, grace: int, sweep: float
) -> None:
    made = config(monkeypatch, ROOMCAST_MEDIA_UPLOAD_SECONDS=upload)
    assert (made.grace_seconds, made.sweep_seconds) == (grace, sweep)
