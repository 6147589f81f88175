"""What the first bytes of a file say it is."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from roomcast.media import probe
from roomcast.media.policy import FILE_TYPES

MANY = 100_000_000
FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF", "image/webp": "WEBP"}


def image(kind: str, width: int = 40, height: int = 30, **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, kind, **options)
    return out.getvalue()


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")


SAMPLES = {
    "video/mp4": b"\0\0\0\x18ftypisom\0\0\0\0",
    "audio/mp4": b"\0\0\0\x18ftypM4A \0\0\0\0",
    "video/webm": b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm",
    "audio/webm": b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm",
    "audio/mpeg": b"\xff\xfb\x90\x64",
    "audio/ogg": b"OggS\0\x02",
    "application/pdf": b"%PDF-1.7\n%\xe2\xe3",
    "text/plain": "Grüße,\r\n\tAda".encode(),
} | {content_type: image(kind) for content_type, kind in FORMATS.items()}


def test_every_type_that_is_allowed_has_a_sample() -> None:
    assert set(SAMPLES) == set(FILE_TYPES)


@pytest.mark.parametrize("content_type", sorted(FILE_TYPES))
def test_a_file_is_its_own_type_and_no_unrelated_one(content_type: str) -> None:
    twins = {"video/mp4", "audio/mp4"}, {"video/webm", "audio/webm"}
    own = next((pair for pair in twins if content_type in pair), {content_type})
    assert {other for other in FILE_TYPES if probe.matches(SAMPLES[content_type], other)} == own


@pytest.mark.parametrize(
    "body", [b"<svg xmlns=''/>", b"<!doctype html>", b"", b"MZ\x90\0", b"PK\x03\x04", b"\x7fELF", b"\0" * 64]
)
def test_other_things_are_no_pictures_and_no_documents(body: bytes) -> None:
    assert not [t for t in FILE_TYPES if t != "text/plain" and probe.matches(body, t)]


def test_text_cut_within_a_character_is_text_only_when_the_head_is_full() -> None:
    full = b"x" * (probe.HEAD_BYTES - 1) + "ü".encode()[:1]
    assert probe.matches(full, "text/plain")
    assert not probe.matches(b"x" + "ü".encode()[:1], "text/plain")
    assert not probe.matches(b"a\0b", "text/plain")
    assert not probe.matches(b"\xff\xfe\0a", "text/plain")


@pytest.mark.parametrize("content_type", sorted(FORMATS))
def test_a_picture_is_measured(content_type: str) -> None:
    body = image(FORMATS[content_type], 123, 45)
    assert probe.dimensions(body, content_type, MANY) == (123, 45)


@pytest.mark.parametrize("options", [{"lossless": True}, {"lossless": False}, {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}])
def test_every_kind_of_webp_is_measured_from_its_first_bytes(options: dict[str, object]) -> None:
    body = image("WEBP", 1234, 567, **options)
    assert probe.dimensions(body[:30], "image/webp", MANY) == (1234, 567)


@pytest.mark.parametrize(("orientation", "size"), [(1, (40, 30)), (3, (40, 30)), (6, (30, 40)), (8, (30, 40))])
def test_a_photograph_is_measured_as_it_is_shown(orientation: int, size: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert probe.dimensions(image("JPEG", exif=exif), "image/jpeg", MANY) == size


def test_what_is_no_image_has_no_dimensions() -> None:
    assert probe.dimensions(SAMPLES["application/pdf"], "application/pdf", MANY) is None


@pytest.mark.parametrize("size", [(60_000, 60_000), (2**31 - 1, 2**31 - 1), (20_000, 5_001)])
def test_a_small_file_of_a_huge_image_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(probe.ProbeError):
        probe.dimensions(png_header(*size), "image/png", MANY)


def test_an_image_at_the_bound_is_fine() -> None:
    assert probe.dimensions(png_header(10_000, 10_000), "image/png", MANY) == (10_000, 10_000)


def test_a_header_beyond_the_head_asks_for_more() -> None:
    body = image("JPEG", icc_profile=b"x" * 200_000)
    with pytest.raises(probe.TruncatedError):
        probe.dimensions(body[: probe.HEAD_BYTES], "image/jpeg", MANY)
    assert probe.dimensions(body[: probe.LONG_HEAD_BYTES], "image/jpeg", MANY) == (40, 30)


@given(st.binary(max_size=200), st.sampled_from(sorted(FILE_TYPES)), st.booleans(), st.integers(0, 200))
def test_no_bytes_raise_anything_but_a_probe_error(tail: bytes, content_type: str, genuine: bool, cut: int) -> None:
    head = (SAMPLES[content_type][:cut] if genuine else b"") + tail
    probe.matches(head, content_type)
    try:
        size = probe.dimensions(head, content_type, MANY)
    except probe.ProbeError:
        return
    assert size is None or 0 < size.width * size.height <= MANY
