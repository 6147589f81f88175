"""The polling payload."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomcast.engineio.frames import SEPARATOR, Frames
from roomcast.engineio.http.payload import PayloadError, split


def test_text_and_binary() -> None:
    assert split(b"4hello\x1e2\x1ebAQIDBA==") == ["4hello", "2", b"\x01\x02\x03\x04"]


def test_more_packets_than_sixteen() -> None:
    assert len(split(b"\x1e".join([b"4x"] * 5000))) == 5000


@pytest.mark.parametrize("body", [b"", b"\x1e", b"4a\x1e", b"\xff", b"b!!!!", b"bAQI", "bé".encode(), b"b\x00"])
def test_what_is_no_payload(body: bytes) -> None:
    with pytest.raises(PayloadError):
        split(body)


@given(st.lists(st.one_of(st.binary(max_size=50), st.text(max_size=50)), min_size=1))
def test_what_frames_encode_is_read_back(messages: list[str | bytes]) -> None:
    sent = [m if isinstance(m, bytes) else m.replace("\x1e", "") for m in messages]
    body = SEPARATOR.join((Frames.binary(m) if isinstance(m, bytes) else Frames(m.encode())).polling for m in sent)
    assert split(body) == [m if isinstance(m, bytes) else "4" + m for m in sent]


@given(st.binary())
def test_arbitrary_bytes(body: bytes) -> None:
    try:
        packets = split(body)
    except PayloadError:
        return
    assert packets
