"""The packet codec of the load generator."""

from __future__ import annotations

import json

import pytest

from loadtest import packets
from loadtest.packets import Packet


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ('0{"sid":"x"}', Packet("open", None, {"sid": "x"})),
        ("2", Packet("ping")),
        ("1", Packet("close")),
        ('40{"sid":"y"}', Packet("connected", None, {"sid": "y"})),
        ('44{"message":"no"}', Packet("refused", None, {"message": "no"})),
        ("41", Packet("disconnected")),
        ('42["typing",{"room":"r"}]', Packet("event", None, ["typing", {"room": "r"}])),
        ('4317[{"ok":true}]', Packet("ack", 17, [{"ok": True}])),
        ("430[]", Packet("ack", 0, [])),
        ("", Packet("other")),
        ("6", Packet("other")),
    ],
)
def test_a_packet_of_each_kind_is_decoded(text: str, packet: Packet) -> None:
    assert packets.decode(text) == packet


def test_broken_json_is_an_error() -> None:
    with pytest.raises(ValueError, match="unexpected"):
        packets.decode("42[")


def test_events_with_and_without_an_ack_id_are_encoded() -> None:
    assert packets.event("typing", {"a": 1}) == '42["typing",{"a":1}]'
    assert packets.decode(packets.event("x", {"a": 1}, 12)) == Packet("event", 12, ["x", {"a": 1}])
    assert json.loads(packets.connect("t")[2:]) == {"token": "t"}
