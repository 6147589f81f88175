"""Profiles are read from their fields, and changes are checked."""

from __future__ import annotations

import pytest

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.profile import changed_fields, is_picture, read_profile


def test_a_profile_is_read_from_its_fields() -> None:
    found = read_profile("ada", [b"Ada", b"https://x.example/a", b'{"a":1}'])
    assert found is not None
    assert found.public() == {"name": "Ada", "picture": "https://x.example/a", "data": {"a": 1}}
    assert read_profile("ada", [None, b"https://x.example/a", None]) is None


@pytest.mark.parametrize(
    ("url", "is_valid"),
    [
        ("https://x.example/a?b=c", True),
        ("https://" + "x" * 492, True),
        ("https://" + "x" * 493, False),
        ("http://x.example/a", False),
        ("javascript:alert(1)", False),
        ("https://x.example/a b", False),
        ("https://", False),
        (7, False),
        (None, False),
    ],
)
def test_a_picture_is_an_https_url(url: object, is_valid: bool) -> None:
    assert is_picture(url) is is_valid


def test_a_field_that_is_none_is_kept_and_an_empty_field_is_deleted() -> None:
    assert changed_fields() == ()
    assert changed_fields(name=" Ada\u202e ") == ("name", "Ada")
    assert changed_fields(picture="", data={}) == ("picture", "", "data", "")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": " "}, Code.BAD_REQUEST),
        ({"picture": "http://x.example/a"}, Code.BAD_REQUEST),
        ({"data": {"x": "y" * 5_000}}, Code.TOO_LARGE),
    ],
)
def test_bad_profiles_are_refused(fields: dict[str, object], code: Code) -> None:
    with pytest.raises(RoomcastError) as caught:
        changed_fields(**fields)  # type: ignore[arg-type]
    assert caught.value.code is code
