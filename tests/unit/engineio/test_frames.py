"""Packets are encoded for both transports, WebSocket and polling."""

from __future__ import annotations

from roomcast.engineio.frames import PING, Frames


def test_a_text_packet_is_encoded_for_both_transports() -> None:
    frames = Frames(b'2["a"]')
    assert frames.websocket == b'\x81\x0742["a"]'
    assert frames.polling == b'42["a"]'


def test_attachments_follow_their_packet() -> None:
    frames = Frames(b'51-["a",{"_placeholder":true,"num":0}]', [b"\x01\x02"])
    assert frames.websocket.endswith(b"}]\x82\x02\x01\x02")
    assert frames.polling.endswith(b"}]\x1ebAQI=")


def test_a_binary_packet_and_a_ping_are_encoded_for_both_transports() -> None:
    assert (Frames.binary(b"\x01").websocket, Frames.binary(b"\x01").polling) == (b"\x82\x01\x01", b"bAQ==")
    assert (PING.websocket, PING.polling) == (b"\x81\x012", b"2")


def test_a_packet_is_encoded_only_once() -> None:
    frames = Frames(b"x")
    assert frames.websocket is frames.websocket
    assert frames.polling is frames.polling
