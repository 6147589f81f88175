"""The type of a file is detected from its first bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomcast.media import detection
from roomcast.media.file_types import FILE_TYPES, TEXT
from tests.unit.media.samples import SAMPLES, TEXTS

TEXT_TYPES = [name for name, kind in FILE_TYPES.items() if kind.family == TEXT]
BINARY_TYPES = sorted(set(FILE_TYPES) - set(TEXT_TYPES))


def test_every_binary_type_has_a_sample() -> None:
    assert {content_type for content_type, samples in SAMPLES.items() if samples} == set(BINARY_TYPES)


@pytest.mark.parametrize("content_type", BINARY_TYPES)
def test_a_file_matches_its_own_type_the_types_of_its_family_and_no_other_type(content_type: str) -> None:
    family = FILE_TYPES[content_type].family
    expected = {name for name, kind in FILE_TYPES.items() if family and kind.family == family} | {content_type}
    for sample in SAMPLES[content_type]:
        found = {name for name in BINARY_TYPES if detection.matches(sample, name)}
        assert found == expected, sample[:24]


@pytest.mark.parametrize("content_type", [name for name in BINARY_TYPES if name != "application/rtf"])
def test_no_binary_sample_counts_as_text(content_type: str) -> None:
    assert not [sample[:24] for sample in SAMPLES[content_type] if detection.is_text(sample)]


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_in_any_encoding_matches_the_text_types(name: str) -> None:
    body, charset = TEXTS[name]
    assert all(detection.matches(body, content_type) for content_type in TEXT_TYPES)
    assert detection.charset(body) == charset
    if charset is not None and "125" not in name:
        assert body.decode(charset)


@pytest.mark.parametrize(
    "body",
    [
        b"<svg xmlns=''/>",
        b"<!doctype html>",
        b"<html>%PDF-1.4",
        b"x" * 1024 + b"%PDF-1.4",
        b"",
        b"MZ\x90\0" + bytes(60),
        b"\x7fELF\2\1\1" + bytes(60),
        b"\0" * 64,
    ],
)
def test_markup_programs_and_empty_files_match_no_binary_type(body: bytes) -> None:
    assert not [name for name in BINARY_TYPES if detection.matches(body, name)]


@pytest.mark.parametrize(
    "body", [b"", b"a\0b", b"\xff\xfe\x00\xd8a\0", b"\xff\xfea\0\x01\0", b"\x01\x02\x03", b"\0" * 64]
)
def test_control_characters_and_broken_unicode_are_not_text(body: bytes) -> None:
    assert not detection.is_text(body)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_head_that_ends_within_a_character_is_still_text(encoding: str) -> None:
    body = ("\N{PILE OF POO}" * 40_000).encode(encoding)
    for shift in range(4):
        head = (b"a" * shift + body if encoding == "utf-8" else body)[: detection.HEAD_BYTES]
        assert detection.is_text(head)
        assert detection.charset(head) in ("utf-8", "utf-16le")
    assert detection.charset(b"x" + "ü".encode()[:1]) == "windows-1252"


@given(st.binary(max_size=200), st.sampled_from(BINARY_TYPES), st.integers(0, 100))
def test_arbitrary_bytes_raise_no_error(tail: bytes, content_type: str, cut: int) -> None:
    head = SAMPLES[content_type][0][:cut] + tail
    assert detection.detect(head) is None or detection.detect(head) in FILE_TYPES
    assert detection.charset(head) in (None, "utf-8", "utf-16le", "utf-16be", "windows-1252")
    detection.matches(head, "text/plain")
