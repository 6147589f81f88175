"""The bodies of the hook's requests, and the answers that are verdicts."""

from __future__ import annotations

import json

import pytest

from roomcast.gateway.publish_hook.verdicts import (
    Accept,
    BadAnswer,
    Change,
    Refuse,
    Verdict,
    read_verdict,
    request_body,
)


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ('{"action":"accept"}', Accept()),
        ('{"action":"accept","version":2}', Accept()),
        ('{"action":"change","text":"***"}', Change(text="***")),
        ('{"data":{"a":1},"action":"change"}', Change(data={"a": 1})),
        ('{"action":"refuse"}', Refuse()),
        ('{"action":"refuse","code":"spam:link","detail":"No links, please"}', Refuse("spam:link", "No links, please")),
    ],
)
def test_read_verdict_returns_accept_change_or_refuse(body: str, verdict: Verdict) -> None:
    assert read_verdict(body.encode()) == verdict


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"OK",
        b"null",
        b"[]",
        b"{}",
        b'{"action":"allow"}',
        b'{"action":null}',
        b'{"action":"change"}',
        b'{"action":"change","text":""}',
        b'{"action":"change","text":7}',
        b'{"action":"change","data":[]}',
        b'{"action":"refuse","code":"two words"}',
        b'{"action":"refuse","code":"' + b"x" * 65 + b'"}',
        b'{"action":"refuse","detail":"' + b"x" * 201 + b'"}',
        b'{"action":"accept"',
        b'{"action":"change","text":"\xff"}',
        b"[" * 100_000,
    ],
)
def test_every_other_body_is_a_bad_answer(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        read_verdict(body)


def test_a_request_has_only_the_fields_of_its_message() -> None:
    body = request_body({"event": "send", "room": "team:red", "text": "é", "data": None, "media": None})
    assert json.loads(body) == {"event": "send", "room": "team:red", "text": "é"}
