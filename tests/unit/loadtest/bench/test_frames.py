"""The WebSocket frames of the benchmark's clients (RFC 6455)."""

from __future__ import annotations

import pytest

from loadtest.bench.frames import CLOSE, PING, FrameError, client_frame, split, upgrade_request


def server_frame(payload: bytes, opcode: int = 0x81) -> bytes:
    if len(payload) < 126:
        return bytes((opcode, len(payload))) + payload
    if len(payload) < 65_536:
        return bytes((opcode, 126)) + len(payload).to_bytes(2, "big") + payload
    return bytes((opcode, 127)) + len(payload).to_bytes(8, "big") + payload


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
def test_a_frame_of_any_length_is_parsed(size: int) -> None:
    payload = b"x" * size
    data = server_frame(payload)
    assert split(data) == ([payload], [], len(data))


def test_several_frames_are_parsed_in_order_and_a_partial_frame_is_left() -> None:
    whole = server_frame(b"one") + server_frame(b"two" * 100)
    cut = server_frame(b"three" * 30_000)[:-1]
    texts, controls, used = split(whole + cut)
    assert texts == [b"one", b"two" * 100]
    assert controls == []
    assert used == len(whole)


@pytest.mark.parametrize("size", [10, 200, 70_000])
def test_a_partial_frame_is_not_parsed(size: int) -> None:
    data = server_frame(b"y" * size)
    for cut in {0, 1, 2, 3, 5, 9, len(data) - 1}:
        assert split(data[:cut]) == ([], [], 0)


def test_control_frames_are_returned_separately() -> None:
    texts, controls, _ = split(server_frame(b"p", PING) + server_frame(b"t") + server_frame(b"\x03\xe8", CLOSE))
    assert texts == [b"t"]
    assert [(control.opcode, control.payload) for control in controls] == [(PING, b"p"), (CLOSE, b"\x03\xe8")]


@pytest.mark.parametrize("data", [b"\x82\x01x", b"\x01\x01x", b"\x81\xff" + bytes(12)])
def test_binary_fragmented_and_masked_frames_are_errors(data: bytes) -> None:
    with pytest.raises(FrameError):
        split(data)


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_client_frames_are_masked_with_zeros(size: int) -> None:
    payload = b"z" * size
    frame = client_frame(payload)
    assert frame[0] == 0x81
    assert frame[1] & 0x80
    assert frame.endswith(b"\0\0\0\0" + payload)
    unmasked = bytes((frame[0], frame[1] & 0x7F)) + frame[2 : len(frame) - size - 4] + payload
    assert split(unmasked) == ([payload], [], len(unmasked))


def test_the_upgrade_offers_no_extension() -> None:
    request = upgrade_request("127.0.0.1:80", "/x")
    assert request.startswith(b"GET /x HTTP/1.1\r\n")
    assert request.endswith(b"\r\n\r\n")
    assert b"Extensions" not in request
