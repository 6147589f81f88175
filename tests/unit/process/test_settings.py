"""The rules that the settings of all processes share, checked with the real settings of each process."""

from __future__ import annotations

import pytest

from roomcast.gateway.config import TITLE as GATEWAY_TITLE
from roomcast.gateway.config import Config as GatewayConfig
from roomcast.media.config import TITLE as MEDIA_TITLE
from roomcast.media.config import Config as MediaConfig
from roomcast.presence.config import TITLE as PRESENCE_TITLE
from roomcast.presence.config import Config as PresenceConfig
from roomcast.process.settings import ProcessSettings, Words, describe, load, setting
from tests import settings

GOOD = {"ROOMCAST_REDIS_URL": "redis://:hush-hush@127.0.0.1/0", "ROOMCAST_JWT_SECRET": "hush-hush" * 4}
KINDS: dict[str, tuple[type[ProcessSettings], str]] = {
    "gateway": (GatewayConfig, GATEWAY_TITLE),
    "presence": (PresenceConfig, PRESENCE_TITLE),
    "media": (MediaConfig, MEDIA_TITLE),
}


class Sample(ProcessSettings):
    metrics_port: int = setting(1, "ROOMCAST_METRICS_PORT", "a port", ge=0, le=65_535)
    words: Words = setting(("a", "b"), "ROOMCAST_WORDS", "some words")
    is_on: bool = setting(False, "ROOMCAST_ON", "1: on")
    nothing: str | None = setting(None, "ROOMCAST_NOTHING", "may be left out")


@pytest.mark.parametrize("kind", KINDS)
def test_the_defaults_suffice_and_the_repr_shows_no_secret(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.use(monkeypatch, **GOOD)
    made = load(KINDS[kind][0], kind)
    assert made.host == "127.0.0.1"
    assert "hush-hush" not in repr(made)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ROOMCAST_REDIS_URL", ""),
        ("ROOMCAST_REDIS_URL", "http://:hush-hush@h"),
        ("ROOMCAST_METRICS_PORT", "http"),
        ("ROOMCAST_METRICS_PORT", "65536"),
        ("ROOMCAST_LOG_LEVEL", "loud"),
        ("ROOMCAST_LOG_FORMAT", "xml"),
    ],
)
def test_a_bad_setting_ends_the_start_with_one_line(
    kind: str, name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.use(monkeypatch, **GOOD | {name: value})
    with pytest.raises(SystemExit) as caught:
        load(KINDS[kind][0], kind)
    error = settings.one_line_of(capsys)
    assert caught.value.code == 2
    assert error.startswith(f"roomcast {kind}: {name}: ")
    assert "hush-hush" not in error


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (
            {"ROOMCAST_DEV_LOGIN": "1", "ROOMCAST_JWKS_URL": "k.json", "ROOMCAST_JWT_SECRET": ""},
            "ROOMCAST_DEV_LOGIN needs",
        ),
        ({"ROOMCAST_JWKS_URL": "ftp://x/y", "ROOMCAST_JWT_SECRET": ""}, "ROOMCAST_JWKS_URL: ftp://"),
    ],
)
def test_the_name_of_a_setting_at_the_beginning_of_an_error_stays_in_capitals(
    values: dict[str, str], says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.use(monkeypatch, **GOOD | values)
    with pytest.raises(SystemExit):
        load(KINDS["gateway"][0], "gateway")
    assert settings.one_line_of(capsys).startswith(f"roomcast gateway: {says}")


@pytest.mark.parametrize("kind", KINDS)
def test_the_help_names_every_variable(kind: str) -> None:
    kind_of_settings, title = KINDS[kind]
    lines = describe(kind_of_settings, title).splitlines()
    fields = kind_of_settings.model_fields.values()
    assert lines[0].startswith(f"python -m roomcast.{kind}: ")
    assert [line.split()[0] for line in lines[2:]] == [str(field.validation_alias) for field in fields]
    assert all(field.description and field.description in text for field, text in zip(fields, lines[2:], strict=True))


def test_the_help_shows_defaults_in_the_form_of_the_variable() -> None:
    shown = {line.split()[0]: line for line in describe(Sample, "sample").splitlines()[2:]}
    assert shown["ROOMCAST_WORDS"].endswith("some words (default: a,b)")
    assert shown["ROOMCAST_ON"].endswith("1: on (default: 0)")
    assert shown["ROOMCAST_NOTHING"].endswith("may be left out")
    assert shown["ROOMCAST_REDIS_URL"].endswith("(required)")


def test_lists_are_split_at_commas_and_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    settings.use(monkeypatch, **GOOD, ROOMCAST_WORDS="one, two,", ROOMCAST_METRICS_PORT="")
    made = load(Sample, "sample")
    assert (made.words, made.metrics_port) == (("one", "two"), 1)
