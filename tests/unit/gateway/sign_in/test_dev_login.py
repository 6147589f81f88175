"""The user ids that the development login makes from display names."""

from __future__ import annotations

import pytest

from roomcast.contract.ids import encode_subject, is_user_id
from roomcast.gateway.sign_in.dev_login import user_id_of


@pytest.mark.parametrize(
    ("name", "user"),
    [
        ("Ada", "ada"),
        ("Ada Lovelace", "ada-lovelace"),
        ("  José  Ángel ", "jose-angel"),
        ("a__b..c", "a-b-c"),
        ("--x--", "x"),
        ("x--y", "x-y"),
        ("⒇", "20"),
        ("李", "u-e69d8e"),
        ("🙂", "u-f09f9982"),
    ],
)
def test_a_user_id_is_made_from_a_name(name: str, user: str) -> None:
    assert user_id_of(name) == user


@pytest.mark.parametrize("name", ["", "   ", "\n\t"])
def test_an_empty_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        user_id_of(name)


@pytest.mark.parametrize(
    "name", ["A" * 500, "⒇" * 40, "李" * 40, "-a" * 200, "x" * 59 + " y", "x--a", "ﷺ" * 40, "🙂" * 40]
)
def test_the_user_id_from_any_name_is_valid(name: str) -> None:
    user = user_id_of(name)

    assert is_user_id(user)
    assert encode_subject(user) == user
