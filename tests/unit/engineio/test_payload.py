"""The reader of polling payloads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomcast.engineio.frames import SEPARATOR, Frames
from roomcast.engineio.http.payload import PayloadError, PayloadReader
from roomcast.engineio.oversized import Data, Oversized

MAX_PACKET = 100_000


def split(body: bytes, *, step: int = 0, max_packet: int = MAX_PACKET) -> list[Data]:
    """Return the packets of a body that arrives in pieces of `step` bytes, or in one piece if `step` is 0."""
    reader = PayloadReader(max_packet)
    step = step or max(1, len(body))
    pieces = [body[at : at + step] for at in range(0, len(body), step)]
    return [packet for piece in pieces for packet in reader.feed(piece)] + [reader.end()]


def test_text_and_binary_packets_are_read() -> None:
    assert split(b"4hello\x1e2\x1ebAQIDBA==") == ["4hello", "2", b"\x01\x02\x03\x04"]


def test_a_body_may_have_more_than_sixteen_packets() -> None:
    assert len(split(b"\x1e".join([b"4x"] * 5000))) == 5000


@pytest.mark.parametrize("body", [b"", b"\x1e", b"4a\x1e", b"\xff", b"b!!!!", b"bAQI", "bé".encode(), b"b\x00"])
def test_a_malformed_body_is_refused(body: bytes) -> None:
    with pytest.raises(PayloadError):
        split(body)


@given(st.lists(st.one_of(st.binary(max_size=50), st.text(max_size=50)), min_size=1))
def test_encoded_messages_are_read_back(messages: list[str | bytes]) -> None:
    sent = [m if isinstance(m, bytes) else m.replace("\x1e", "") for m in messages]
    body = SEPARATOR.join((Frames.binary(m) if isinstance(m, bytes) else Frames(m.encode())).polling for m in sent)
    assert split(body) == [m if isinstance(m, bytes) else "4" + m for m in sent]


@pytest.mark.parametrize("step", [0, 1, 7, 300])
def test_only_the_beginning_of_an_oversized_packet_is_kept(step: int) -> None:
    large, binary = b"42" + "é".encode() * 400, b"b" + b"QUJD" * 100
    packets = split(b"4a\x1e%b\x1e%b\x1e4b" % (large, binary), step=step, max_packet=300)
    assert packets == ["4a", Oversized("42" + "é" * 127, 802), Oversized(b"", 401), "4b"]


@given(st.binary(max_size=400), st.integers(1, 50))
def test_the_result_does_not_depend_on_how_the_body_is_split(body: bytes, step: int) -> None:
    def result(step: int) -> list[Data] | str:
        try:
            return split(body, step=step, max_packet=200)
        except PayloadError as error:
            return str(error)

    assert result(step) == result(0)
