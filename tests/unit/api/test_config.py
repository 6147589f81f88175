"""The settings of an API process."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from roomcast.api.config import Config

URL = "redis://localhost:6379/0"


def make(**values: object) -> Config:
    return Config.model_validate({"ROOMCAST_REDIS_URL": URL, **values})


def test_only_the_redis_url_is_required() -> None:
    config = make()
    assert (config.port, config.metrics_port, config.rate, config.jwt_secret) == (8481, 9481, 100, None)
    assert config.retention.messages == 10_000
    assert config.retention.age_seconds == 30 * 86_400


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ROOMCAST_JWT_SECRET", "short"),
        ("ROOMCAST_API_RATE", 0),
        ("ROOMCAST_PORT", 70_000),
        ("ROOMCAST_REDIS_URL", "x"),
    ],
)
def test_a_bad_value_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValidationError):
        make(**{name: value})


def test_the_repr_shows_no_secrets() -> None:
    config = make(ROOMCAST_JWT_SECRET="s" * 40)
    assert "s" * 40 not in repr(config)
    assert URL not in repr(config)
