"""Clients get the same error for every refused token. The reason is counted, and logged at a limited rate."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import pytest
import structlog

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.tokens import sign
from roomcast.gateway.sign_in.identity import TokenFault
from roomcast.gateway.sign_in.keys import SharedSecret
from roomcast.gateway.sign_in.verifier import RefusalLog, Verifier

SECRET = "a secret of the tests longer than 32 bytes"


async def refusal(verifier: Verifier, token: Any) -> Code:
    with pytest.raises(RoomcastError) as caught:
        await verifier.verify(token)
    return caught.value.code


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (None, "missing"),
        ("", "missing"),
        (7, "missing"),
        (["x"], "missing"),
        ("x" * 8_193, "too_long"),
        ("x", "malformed"),
        (sign(SECRET + "!", "ada"), "signature"),
        (sign(SECRET, "ada", seconds=-1, iss="us", aud="chat"), "expired"),
        (sign(SECRET, "ada", iss="them"), "issuer"),
        (sign(SECRET, "ada", iss="us"), "audience"),
        (sign(SECRET, "x" * 61, iss="us", aud="chat"), "claims"),
        (sign(SECRET, "ada", iss="us", aud="chat", nbf=time.time() + 100_000), "not_yet_valid"),
        (sign(SECRET, "ada", iss="us", aud="chat", exp=(time.time() + 60) * 1000), "expiry"),
    ],
)
async def test_the_reason_of_a_refusal_is_counted_and_logged_but_not_sent_to_the_client(
    token: Any, reason: str
) -> None:
    counted: list[str] = []
    verifier = Verifier(SharedSecret(SECRET), audience="chat", issuer="us", on_refusal=counted.append)

    with structlog.testing.capture_logs() as lines:
        assert await refusal(verifier, token) is Code.UNAUTHORIZED

    assert counted == [reason]
    assert [(line["event"], line["reason"], line["count"]) for line in lines] == [("token refused", reason, 1)]
    assert not isinstance(token, str) or len(token) < 2 or token not in str(lines)


async def test_token_times_are_checked_against_the_given_clock() -> None:
    verifier = Verifier(SharedSecret(SECRET))
    token = sign(SECRET, "ada", seconds=600)
    verifier.clock = lambda: time.time() + 599
    assert (await verifier.verify(token)).user == "ada"
    for wrong in (601, -31):
        verifier.clock = partial(_now_plus, wrong)
        assert await refusal(verifier, token) is Code.UNAUTHORIZED


def _now_plus(seconds: float) -> float:
    return time.time() + seconds


def test_each_reason_is_logged_at_most_once_in_ten_seconds() -> None:
    now = 0.0
    log = RefusalLog(lambda: now)

    with structlog.testing.capture_logs() as lines:
        for _ in range(1_000):
            log.write(TokenFault.EXPIRED)
        log.write(TokenFault.SIGNATURE)
        now = 10.0
        log.write(TokenFault.EXPIRED)

    assert [(line["reason"], line["count"]) for line in lines] == [("expired", 1), ("signature", 1), ("expired", 1_000)]
