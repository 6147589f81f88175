"""`read_identity` turns the claims of a token into an identity, or refuses the token with a reason."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomcast.gateway.sign_in.claims import LEEWAY_SECONDS, read_identity
from roomcast.gateway.sign_in.identity import Identity, TokenFault, TokenRefused

NOW = 1_800_000_000.0


def read(payload: bytes | dict[str, Any], **parties: str) -> Identity:
    data = payload if isinstance(payload, bytes) else json.dumps({"sub": "ada", "exp": NOW + 60, **payload}).encode()
    return read_identity(data, NOW, **parties)


def fault(payload: bytes | dict[str, Any], **parties: str) -> TokenFault:
    with pytest.raises(TokenRefused) as caught:
        read(payload, **parties)
    return caught.value.fault


def test_each_claim_becomes_a_field_of_the_identity() -> None:
    claims = {
        "sub": "auth0|x",
        "name": "Ada",
        "rooms": ["a", "b-*"],
        "create": ["c"],
        "ops": True,
        "jti": "j1",
        "sid": "s1",
        "picture": "https://x.example/a",
        "data": {"team": 7},
        "iat": NOW,
    }

    assert read(claims) == Identity(
        user="x--auth0-7Cx",
        name="Ada",
        expires=NOW + 60,
        issued=int(NOW),
        token_id="j1",
        rooms=("a", "b-*"),
        ops=True,
        create=("c",),
        session_id="s1",
        is_named=True,
        picture="https://x.example/a",
        data={"team": 7},
    )


@pytest.mark.parametrize(("claim", "is_ops"), [(True, True), (1, False), ("true", False), (None, False)])
def test_only_ops_true_makes_an_operator(claim: Any, is_ops: bool) -> None:
    assert read({"ops": claim}).ops is is_ops


def test_half_a_surrogate_pair_becomes_a_question_mark() -> None:
    got = read(b'{"sub":"ada","exp":%d,"name":"A\\ud83d","jti":"j\\ud83d"}' % (NOW + 60))

    assert (got.name, got.token_id) == ("A?", "j?")


@pytest.mark.parametrize("name", ["", "   ", None, 7, ["Ada"], "\u202e", "\u200b"], ids=ascii)
def test_without_a_usable_name_the_user_id_is_the_name(name: Any) -> None:
    assert read({"name": name}).name == "ada"


def test_direction_marks_and_line_breaks_are_removed_from_a_name() -> None:
    assert read({"name": " Ada\u202e\n" + "x" * 200}).name == "Ada " + "x" * 76


@pytest.mark.parametrize(
    ("exp", "reason"),
    [
        (NOW + 1, None),
        (int(NOW) + 1, None),
        (NOW, TokenFault.EXPIRED),
        (NOW - 1, TokenFault.EXPIRED),
        (None, TokenFault.EXPIRY),
        (str(int(NOW) + 60), TokenFault.EXPIRY),
        ((NOW + 60) * 1000, TokenFault.EXPIRY),
        (1e300, TokenFault.EXPIRY),
        (2**70, TokenFault.EXPIRY),
        (10**400, TokenFault.EXPIRY),
        (True, TokenFault.EXPIRY),
        (0, TokenFault.EXPIRY),
        (-1, TokenFault.EXPIRY),
        ([NOW + 60], TokenFault.EXPIRY),
        ({}, TokenFault.EXPIRY),
    ],
    ids=lambda value: str(value)[:30],
)
def test_an_expiry_must_be_unix_seconds_in_the_future(exp: Any, reason: TokenFault | None) -> None:
    if reason is None:
        assert read({"exp": exp}).expires == exp
    else:
        assert fault({"exp": exp}) in (reason, TokenFault.MALFORMED)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e400", '"NaN"', '"1800000060"'])
@pytest.mark.parametrize("more", ["", ',"name":"\\ud83d"'], ids=["plain", "with half a surrogate pair"])
def test_an_expiry_that_is_not_a_finite_number_is_refused_by_both_json_parsers(text: str, more: str) -> None:
    payload = f'{{"sub":"ada","exp":{text}{more}}}'.encode()

    assert fault(payload) in (TokenFault.MALFORMED, TokenFault.EXPIRY)


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_iat_and_nbf_may_be_thirty_seconds_in_the_future(claim: str) -> None:
    assert read({claim: NOW + LEEWAY_SECONDS}).user == "ada"
    assert fault({claim: NOW + LEEWAY_SECONDS + 1}) is TokenFault.EARLY
    assert fault({claim: NOW * 1000}) is TokenFault.EARLY
    for wrong in ("1", True, ["1"], None):
        assert fault({claim: wrong}) is TokenFault.CLAIMS


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": 7},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 61},
        {"sub": "\ud83d"},
        {"jti": 7},
        {"rooms": "team"},
        {"rooms": ["team", 7]},
        {"rooms": {"team": 1}},
        {"create": "team"},
        {"create": [None]},
    ],
    ids=ascii,
)
def test_claims_of_a_wrong_type_or_length_are_refused(claims: dict[str, Any]) -> None:
    assert fault(claims) is TokenFault.CLAIMS


@pytest.mark.parametrize(
    "payload", [b"", b"no json", b"[]", b'"x"', b"7", b"null", b"\xff", b'{"sub":"ada"', b"[" * 99_999]
)
def test_a_payload_that_is_no_json_object_is_malformed(payload: bytes) -> None:
    assert fault(payload) is TokenFault.MALFORMED


def test_only_the_first_hundred_room_patterns_are_kept() -> None:
    rooms = [f"room{number}" for number in range(200)]
    assert read({"rooms": rooms}).rooms == tuple(rooms[:100])


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "chat", "iss": "us"}, None),
        ({"aud": ["other", "chat"], "iss": "us"}, None),
        ({"aud": "cha", "iss": "us"}, TokenFault.AUDIENCE),
        ({"aud": "chats", "iss": "us"}, TokenFault.AUDIENCE),
        ({"aud": {"chat": 1}, "iss": "us"}, TokenFault.AUDIENCE),
        ({"iss": "us"}, TokenFault.AUDIENCE),
        ({"aud": "chat"}, TokenFault.ISSUER),
        ({"aud": "chat", "iss": "them"}, TokenFault.ISSUER),
        ({"aud": "chat", "iss": ["us"]}, TokenFault.ISSUER),
    ],
)
def test_a_token_must_have_the_audience_and_the_issuer(claims: dict[str, Any], reason: TokenFault | None) -> None:
    if reason is None:
        assert read(claims, audience="chat", issuer="us").user == "ada"
    else:
        assert fault(claims, audience="chat", issuer="us") is reason


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["sub", "exp", "iat", "nbf", "name", "rooms", "create", "jti", "ops"]), _json))
def test_any_claims_give_an_identity_or_raise_token_refused(claims: dict[str, Any]) -> None:
    try:
        got = read_identity(json.dumps(claims).encode(), NOW)
    except TokenRefused:
        return
    assert NOW < got.expires <= 1e11
    got.name.encode()
    got.token_id.encode()


@pytest.mark.parametrize("picture", ["http://x.example/a", "https://" + "x" * 500, 7, None])
@pytest.mark.parametrize("data", [[], "text", {"x": "y" * 5_000}, None])
def test_an_invalid_picture_and_invalid_data_are_left_out(picture: object, data: object) -> None:
    identity = read({"sub": "ada", "picture": picture, "data": data})
    assert (identity.picture, identity.data, identity.is_named) == ("", None, False)
