"""The width and height of an image are read from its header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from roomcast.media.detection import HEAD_BYTES
from roomcast.media.dimensions import LONG_HEAD_BYTES, ImageError, TruncatedError, dimensions
from roomcast.media.file_types import FILE_TYPES
from tests.unit.media.samples import SAMPLES, heif, image, iso, png_header

MANY = 100_000_000
FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF", "image/webp": "WEBP", "image/bmp": "BMP"}


@pytest.mark.parametrize("content_type", sorted(FORMATS))
def test_the_size_of_a_picture_is_read(content_type: str) -> None:
    assert dimensions(image(FORMATS[content_type], 123, 45), content_type, MANY) == (123, 45)


@pytest.mark.parametrize("options", [{"lossless": True}, {"lossless": False}, {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}])
def test_the_size_of_every_kind_of_webp_is_read_from_thirty_bytes(options: dict[str, object]) -> None:
    body = image("WEBP", 1234, 567, **options)
    assert dimensions(body[:30], "image/webp", MANY) == (1234, 567)


def test_a_broken_webp_is_refused() -> None:
    with pytest.raises(ImageError):
        dimensions(b"RIFF\0\0\0\0WEBPXXXX" + bytes(20), "image/webp", MANY)


@pytest.mark.parametrize(("orientation", "size"), [(1, (40, 30)), (3, (40, 30)), (6, (30, 40)), (8, (30, 40))])
def test_a_photograph_has_its_size_after_the_rotation(orientation: int, size: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert dimensions(image("JPEG", exif=exif), "image/jpeg", MANY) == size


@pytest.mark.parametrize(
    ("turns", "size"), [(0, (4032, 3024)), (1, (3024, 4032)), (2, (4032, 3024)), (3, (3024, 4032))]
)
def test_a_heif_has_the_size_of_the_whole_picture_after_the_rotation(turns: int, size: tuple[int, int]) -> None:
    body = heif(b"heic", (512, 512), (4032, 3024), (320, 240), quarter_turns=turns)
    assert dimensions(body, "image/heic", MANY) == size


def test_the_size_of_an_avif_is_read() -> None:
    assert dimensions(image("AVIF", 64, 48), "image/avif", MANY) == (64, 48)


@pytest.mark.parametrize("content_type", ["image/avif", "image/heic"])
def test_a_heif_without_extents_counts_as_truncated(content_type: str) -> None:
    with pytest.raises(TruncatedError):
        dimensions(iso(b"heic", b"mif1"), content_type, MANY)


@pytest.mark.parametrize("content_type", ["application/pdf", "image/tiff", "video/mp4", "text/plain"])
def test_other_types_have_no_dimensions(content_type: str) -> None:
    assert dimensions(SAMPLES.get(content_type, (b"text",))[0], content_type, MANY) is None


@pytest.mark.parametrize("size", [(60_000, 60_000), (2**31 - 1, 2**31 - 1), (20_000, 5_001)])
def test_an_image_with_too_many_pixels_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ImageError):
        dimensions(png_header(*size), "image/png", MANY)
    with pytest.raises(ImageError):
        dimensions(heif(b"avif", size), "image/avif", MANY)


def test_an_image_with_the_most_allowed_pixels_is_accepted() -> None:
    assert dimensions(png_header(10_000, 10_000), "image/png", MANY) == (10_000, 10_000)


def test_a_picture_whose_size_lies_beyond_the_head_counts_as_truncated() -> None:
    body = image("JPEG", icc_profile=b"x" * 200_000)
    with pytest.raises(TruncatedError):
        dimensions(body[:HEAD_BYTES], "image/jpeg", MANY)
    assert dimensions(body[:LONG_HEAD_BYTES], "image/jpeg", MANY) == (40, 30)


@given(st.binary(max_size=200), st.sampled_from(sorted(FILE_TYPES)), st.booleans(), st.integers(0, 200))
def test_arbitrary_bytes_give_a_size_or_an_image_error(tail: bytes, content_type: str, genuine: bool, cut: int) -> None:
    sample = SAMPLES.get(content_type, (b"text",))[0]
    try:
        size = dimensions((sample[:cut] if genuine else b"") + tail, content_type, MANY)
    except ImageError:
        return
    assert size is None or 0 < size.width * size.height <= MANY
