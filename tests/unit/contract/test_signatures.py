"""Signed requests, and the check of their signatures."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from roomcast.contract.signatures import is_signed, signed_headers

SECRET = "a secret of the tests that is long enough"
BODY = '{"text":"é"}'.encode()
NOW = 1_764_259_200.7


def test_a_signature_is_the_hmac_of_timestamp_and_body() -> None:
    digest = hmac.new(SECRET.encode(), b"1764259200." + BODY, hashlib.sha256).hexdigest()
    headers = {"Roomcast-Timestamp": "1764259200", "Roomcast-Signature": f"v1={digest}"}
    assert signed_headers(SECRET, NOW, BODY) == headers


@pytest.mark.parametrize("late", [-300, 0, 300])
def test_a_signature_is_valid_for_five_minutes(late: float) -> None:
    assert is_signed(SECRET, signed_headers(SECRET, NOW, BODY), BODY, int(NOW) + late)


def test_a_signature_is_not_valid_with_another_time_body_or_secret() -> None:
    headers = signed_headers(SECRET, NOW, BODY)
    assert not is_signed(SECRET, headers, BODY, NOW + 301)
    assert not is_signed(SECRET, headers, BODY, NOW - 301)
    assert not is_signed(SECRET, headers, BODY + b" ", NOW)
    assert not is_signed("another secret", headers, BODY, NOW)
    assert not is_signed(SECRET, headers | {"Roomcast-Timestamp": "1764259201"}, BODY, NOW)


@pytest.mark.parametrize("timestamp", ["", "-1", "1e9", "١", "9" * 16, " 1764259200"])
def test_a_signature_with_a_malformed_timestamp_is_not_valid(timestamp: str) -> None:
    headers = signed_headers(SECRET, NOW, BODY) | {"Roomcast-Timestamp": timestamp}
    assert not is_signed(SECRET, headers, BODY, NOW)
    assert not is_signed(SECRET, {}, BODY, NOW)
    assert not is_signed(SECRET, signed_headers(SECRET, NOW, BODY) | {"Roomcast-Signature": "é"}, BODY, NOW)
