"""The packets that a client sends to each kind of server."""

from __future__ import annotations

import json
from typing import Any

import jwt
import msgspec
import pytest

from loadtest.bench.dialects import dialect
from loadtest.bench.workloads import Member
from roomcast.contract.events.client_events import EVENTS

WHO = Member(7, 3, 1)
SECRET = "0123456789abcdef" * 4


def test_a_client_of_roomcast_signs_in_with_a_valid_token_and_joins_by_the_contract() -> None:
    opened, connected, joined = dialect("roomcast", SECRET).steps(WHO)
    assert opened.send == b""
    token = json.loads(connected.send[2:])["token"]
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], options={"require": ["exp", "sub"]})
    assert claims["sub"] == "bench7"
    name, payload = json.loads(joined.send[3:])
    request: Any = msgspec.convert(payload, EVENTS[name])
    assert request.room == "public:r3"


def test_a_client_of_roomcast_publishes_by_the_contract_and_with_a_new_id_each_time() -> None:
    roomcast = dialect("roomcast", SECRET)
    packets = [roomcast.publish(WHO, count, "hello") for count in (1, 2)]
    ids = set()
    for count, packet in enumerate(packets, start=1):
        assert packet.startswith(b"42%d[" % count)
        name, payload = json.loads(packet[3:])
        message: Any = msgspec.convert(payload, EVENTS[name])
        assert (message.room, message.text) == ("public:r3", "hello")
        ids.add(message.id)
    assert len(ids) == 2


def test_a_client_of_socketio_joins_with_its_connect() -> None:
    _, connect = dialect("socketio").steps(WHO)
    assert json.loads(connect.send[2:]) == {"room": "r3"}
    assert json.loads(dialect("socketio").publish(WHO, 1, "hello")[2:]) == ["m", {"room": "r3", "text": "hello"}]


def test_a_client_of_nchan_uses_a_path_and_plain_text() -> None:
    assert dialect("nchan").target(WHO) == "/room/r3"
    assert dialect("nchan").steps(WHO) == ()
    assert dialect("nchan").publish(WHO, 1, "hello") == b"hello"


def test_a_client_of_centrifugo_signs_in_with_a_valid_token_and_subscribes_with_recovery() -> None:
    connect, subscribe = dialect("centrifugo", SECRET).steps(WHO)
    token = json.loads(connect.send)["connect"]["token"]
    assert jwt.decode(token, SECRET, algorithms=["HS256"], options={"require": ["exp", "sub"]})["sub"] == "bench7"
    assert json.loads(subscribe.send) == {"id": 2, "subscribe": {"channel": "r3"}}
    assert subscribe.holds == b'"recoverable":true'
    assert json.loads(dialect("centrifugo", SECRET).publish(WHO, 1, "hello")) == {
        "id": 3,
        "publish": {"channel": "r3", "data": {"text": "hello"}},
    }


def test_an_unknown_dialect_is_an_error() -> None:
    with pytest.raises(KeyError):
        dialect("smoke")
