"""User ids made of display names."""

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
def test_a_name_becomes_an_id(name: str, user: str) -> None:
    assert user_id_of(name) == user


@pytest.mark.parametrize("name", ["", "   ", "\n\t"])
def test_no_name_is_no_id(name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        user_id_of(name)


@pytest.mark.parametrize(
    "name", ["A" * 500, "⒇" * 40, "李" * 40, "-a" * 200, "x" * 59 + " y", "x--a", "ﷺ" * 40, "🙂" * 40]
)
def test_every_id_is_one_that_a_token_may_name(name: str) -> None:
    user = user_id_of(name)

    assert is_user_id(user)
    assert encode_subject(user) == user
