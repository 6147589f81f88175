"""WebSocket frames: the examples of RFC 6455, violations of it, and arbitrary bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomcast.engineio.oversized import Oversized
from roomcast.engineio.websocket.rfc6455 import (
    BINARY,
    CLOSE,
    CONTINUATION,
    INVALID_DATA,
    PING,
    PONG,
    PROTOCOL_ERROR,
    TEXT,
    TOO_BIG,
    Control,
    FrameParser,
    HandshakeError,
    Message,
    accept,
    close_code,
    close_frame,
    frame,
)
from tests.websocket_frames import masked


def parser(max_size: int = 1_000_000) -> FrameParser:
    return FrameParser(max_size)


class TestHandshake:
    def test_the_example_of_section_1_3(self) -> None:
        assert accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

    @pytest.mark.parametrize("key", ["", "abc", "dGhlIHNhbXBsZQ==", "é" * 24, "dGhlIHNhbXBsZSBub25jZQ"])
    def test_a_bad_key_is_refused(self, key: str) -> None:
        with pytest.raises(HandshakeError):
            accept(key)


class TestServerFrames:
    def test_the_example_of_section_5_7(self) -> None:
        assert frame(TEXT, b"Hello") == b"\x81\x05Hello"

    @pytest.mark.parametrize(
        ("size", "head"),
        [
            (125, b"\x82\x7d"),
            (126, b"\x82\x7e\x00\x7e"),
            (65_535, b"\x82\x7e\xff\xff"),
            (65_536, b"\x82\x7f" + bytes(5) + b"\x01\x00\x00"),
        ],
    )
    def test_a_frame_begins_with_its_length(self, size: int, head: bytes) -> None:
        assert frame(BINARY, bytes(size)) == head + bytes(size)

    def test_a_close_frame_contains_its_code(self) -> None:
        assert close_frame(1001) == b"\x88\x02\x03\xe9"
        assert close_frame(1005) == b"\x88\x00"


class TestMessages:
    def test_the_masked_example_of_section_5_7_is_read(self) -> None:
        assert parser().feed(bytes.fromhex("818537fa213d7f9f4d5158")) == ["Hello"]

    def test_the_fragmented_example_with_a_ping_between_its_fragments_is_read(self) -> None:
        data = masked(TEXT, b"Hel", fin=False) + masked(PING, b"?") + masked(CONTINUATION, b"lo")
        assert parser().feed(data) == [Control(PING, b"?"), "Hello"]

    def test_a_character_may_be_split_between_fragments(self) -> None:
        euro = "€".encode()
        data = masked(TEXT, euro[:1], fin=False) + masked(CONTINUATION, euro[1:])
        assert parser().feed(data) == ["€"]

    @pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
    def test_a_binary_message_is_read_from_pieces_of_any_size(self, size: int) -> None:
        payload = bytes(index % 251 for index in range(size))
        data = masked(BINARY, payload) + masked(PONG, b"")
        for step in (1, 7, 4096, len(data)) if size < 1000 else (4096, len(data)):
            reader = parser()
            messages = [message for at in range(0, len(data), step) for message in reader.feed(data[at : at + step])]
            assert messages == [payload, Control(PONG, b"")]
            assert reader.held == 0


class TestViolations:
    @pytest.mark.parametrize(
        "data",
        [
            frame(TEXT, b"not masked"),
            masked(TEXT, b"x", reserved=0x40),
            masked(0x3, b""),
            masked(0xB, b""),
            masked(CONTINUATION, b"without a first frame"),
            masked(TEXT, b"a", fin=False) + masked(TEXT, b"b"),
            masked(PING, b"", fin=False),
            masked(PING, bytes(126)),
            masked(CLOSE, bytes(200)),
        ],
    )
    def test_malformed_frames_are_protocol_errors(self, data: bytes) -> None:
        reader = parser()
        assert reader.feed(data) == []
        assert reader.failure == PROTOCOL_ERROR

    @pytest.mark.parametrize("payload", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf"])
    def test_text_that_is_not_utf8_is_invalid_data(self, payload: bytes) -> None:
        reader = parser()
        assert reader.feed(masked(TEXT, payload)) == []
        assert reader.failure == INVALID_DATA

    def test_a_header_with_too_large_a_size_is_refused_before_the_payload_arrives(self) -> None:
        reader = parser(1000)
        assert reader.feed(masked(BINARY, bytes(1001))[:4]) == []
        assert reader.failure == TOO_BIG

    def test_a_message_whose_fragments_together_are_too_large_is_refused(self) -> None:
        reader = parser(1000)
        for _ in range(10):
            reader.feed(masked(CONTINUATION if reader.held else BINARY, bytes(100), fin=False))
        assert reader.failure == 0
        reader.feed(masked(CONTINUATION, bytes(1)))
        assert reader.failure == TOO_BIG

    def test_only_the_messages_before_a_violation_are_returned(self) -> None:
        reader = parser()
        assert reader.feed(masked(TEXT, b"4a") + frame(TEXT, b"b") + masked(TEXT, b"4c")) == ["4a"]
        assert reader.feed(masked(TEXT, b"4d")) == []
        assert reader.held == 0


class TestDropped:
    """A message above `max_size` and up to `max_dropped` is returned as its first bytes and its size."""

    TEXT_MESSAGE = b'427["message:send",' + b"x" * 3_000
    EXPECTED = Oversized(TEXT_MESSAGE[:256].decode(), len(TEXT_MESSAGE))

    def read(self, stream: bytes, step: int) -> list[Message]:
        reader, found = FrameParser(1_000, 10_000), list[Message]()
        for at in range(0, len(stream), step):
            found += reader.feed(stream[at : at + step])
            assert reader.held <= 1_000 + 256 + 14 + step
        assert (reader.failure, reader.held, reader.is_midway) == (0, 0, False)
        return found

    @pytest.mark.parametrize("step", [1, 5, 300, 100_000])
    def test_the_frames_before_and_after_a_dropped_frame_are_returned(self, step: int) -> None:
        stream = masked(TEXT, b"4a") + masked(TEXT, self.TEXT_MESSAGE) + masked(TEXT, b"4b")
        assert self.read(stream, step) == ["4a", self.EXPECTED, "4b"]

    @pytest.mark.parametrize("step", [1, 5, 300, 100_000])
    @pytest.mark.parametrize("cuts", [(1, 100, 900), (900, 950, 1_500), (100, 1_200, 3_000), (0, 0, 2_000)])
    def test_a_ping_between_dropped_fragments_is_returned(self, cuts: tuple[int, ...], step: int) -> None:
        pieces = [self.TEXT_MESSAGE[a:b] for a, b in zip((0, *cuts), (*cuts, len(self.TEXT_MESSAGE)), strict=True)]
        stream = masked(TEXT, pieces[0], fin=False) + masked(PING, b"?")
        stream += b"".join(masked(CONTINUATION, piece, fin=False) for piece in pieces[1:-1])
        stream += masked(CONTINUATION, pieces[-1]) + masked(TEXT, b"4b")
        assert self.read(stream, step) == [Control(PING, b"?"), self.EXPECTED, "4b"]

    def test_a_dropped_text_is_not_cut_within_a_character(self) -> None:
        stream = masked(BINARY, b"\xff" * 2_000) + masked(TEXT, "x€".encode() * 500)
        assert self.read(stream, 100) == [Oversized(b"\xff" * 256, 2_000), Oversized("x€" * 64, 2_000)]

    @pytest.mark.parametrize("sizes", [(10_001,), (5_000, 5_001), (999, 9_002)])
    def test_a_message_above_max_dropped_is_too_big(self, sizes: tuple[int, ...]) -> None:
        reader = FrameParser(1_000, 10_000)
        for number, size in enumerate(sizes):
            is_last = number == len(sizes) - 1
            data = masked(CONTINUATION if number else TEXT, b"x" * size, fin=is_last)
            assert reader.feed(data[:8] if is_last else data) == []
        assert (reader.failure, reader.held) == (TOO_BIG, 0)

    def test_whole_text_returns_none_within_a_dropped_message(self) -> None:
        reader = FrameParser(1_000, 10_000)
        reader.feed(masked(TEXT, self.TEXT_MESSAGE)[:2_000])
        assert reader.held == 0
        assert reader.whole_text(masked(TEXT, b"4b")) is None

    @given(st.lists(st.tuples(st.binary(max_size=200), st.booleans()), max_size=8), st.integers(1, 64))
    def test_the_result_does_not_depend_on_the_pieces_of_the_stream(
        self, fragments: list[tuple[bytes, bool]], step: int
    ) -> None:
        stream, is_open = b"", False
        for payload, fin in fragments:
            stream += masked(CONTINUATION if is_open else TEXT, payload, fin=fin)
            is_open = not fin
        whole, pieces = FrameParser(100, 300), FrameParser(100, 300)
        found = [m for at in range(0, len(stream), step) for m in pieces.feed(stream[at : at + step])]
        assert (found, pieces.failure) == (whole.feed(stream), whole.failure)


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", 1005),
        (b"\x03\xe8", 1000),
        (b"\x03\xe8bye", 1000),
        (b"\x0f\xa0", 4000),
        (b"\x03", PROTOCOL_ERROR),
        (b"\x03\xec", PROTOCOL_ERROR),
        (b"\x03\xed", PROTOCOL_ERROR),
        (b"\x00\x00", PROTOCOL_ERROR),
        (b"\x13\x88", PROTOCOL_ERROR),
        (b"\x03\xe8\xff", INVALID_DATA),
    ],
)
def test_close_code_returns_the_code_that_answers_a_close_frame(payload: bytes, code: int) -> None:
    assert close_code(payload) == code


@given(st.lists(st.one_of(st.text(max_size=200), st.binary(max_size=200)), max_size=8), st.data())
def test_messages_are_the_same_however_the_stream_is_split(messages: list[str | bytes], data: st.DataObject) -> None:
    stream = b"".join(masked(TEXT, m.encode()) if isinstance(m, str) else masked(BINARY, m) for m in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    reader = parser()
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert [message for piece in pieces for message in reader.feed(piece)] == messages
    assert (reader.failure, reader.held) == (0, 0)


@given(st.lists(st.binary(max_size=64), max_size=8))
def test_arbitrary_bytes_raise_no_error_and_are_buffered_up_to_a_limit(pieces: list[bytes]) -> None:
    reader = parser(100)
    for piece in pieces:
        reader.feed(piece)
        assert reader.held <= 100 + 14 + 64


class TestWholeText:
    """`whole_text` returns the same message as `feed`, or None."""

    @pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535])
    def test_a_text_frame_is_returned(self, size: int) -> None:
        text = "é" * (size // 2) + "x" * (size % 2)
        assert FrameParser(70_000).whole_text(masked(TEXT, text.encode())) == text

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\x81",
            masked(TEXT, b"a")[:-1],
            masked(TEXT, b"a") + masked(TEXT, b"b"),
            masked(TEXT, b"a" * 126)[:-1],
            masked(TEXT, b"a", fin=False),
            masked(TEXT, b"a", reserved=0x40),
            masked(BINARY, b"a"),
            masked(PING, b"a"),
            masked(CONTINUATION, b"a"),
            masked(TEXT, b"\xff"),
            masked(TEXT, b"x" * 1001),
            frame(TEXT, b"not masked"),
        ],
    )
    def test_other_data_returns_none(self, data: bytes) -> None:
        short, general = parser(1000), parser(1000)
        assert short.whole_text(data) is None
        assert (short.feed(data), short.failure) == (general.feed(data), general.failure)

    def test_whole_text_returns_none_after_an_unfinished_frame_or_a_violation(self) -> None:
        for before in (masked(TEXT, b"a", fin=False), masked(TEXT, b"ab")[:-1], masked(TEXT, b"\xff")):
            reader = parser()
            reader.feed(before)
            assert reader.whole_text(masked(TEXT, b"b")) is None

    @given(st.binary(max_size=300), st.sampled_from([TEXT, BINARY, PING]), st.binary(max_size=3), st.booleans())
    def test_the_result_agrees_with_feed(self, payload: bytes, opcode: int, more: bytes, fin: bool) -> None:
        data = masked(opcode, payload, fin=fin) + more
        text = parser().whole_text(data)
        assert text is None or parser().feed(data) == [text]
