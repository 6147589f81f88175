"""Sample files, at least one for each accepted file type: small whole files, or only their first bytes."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Final

from PIL import Image

PADDING: Final = b"\0" * 64


def image(kind: str, width: int = 40, height: int = 30, **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, kind, **options)
    return out.getvalue()


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")


def iso(major: bytes, *compatible: bytes) -> bytes:
    """Return the start of an ISO base media file: its `ftyp` box, which lists the brands."""
    return struct.pack(">I", 16 + 4 * len(compatible)) + b"ftyp" + major + b"\0\0\0\0" + b"".join(compatible) + PADDING


def heif(major: bytes, *sizes: tuple[int, int], quarter_turns: int = 0) -> bytes:
    """Return the start of a HEIF file: its brands, and the boxes with the size and rotation of its images."""
    extents = b"".join(struct.pack(">I4sIII", 20, b"ispe", 0, width, height) for width, height in sizes)
    turn = struct.pack(">I4sB", 9, b"irot", quarter_turns)
    return iso(major, b"mif1", major) + extents + (turn if quarter_turns else b"")


def archive(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name in names:
            file.writestr(name, "<x/>" * 20)
    return out.getvalue()


OFFICE: Final = "application/vnd.openxmlformats-officedocument."
OPEN: Final = "application/vnd.oasis.opendocument."
EBML: Final = b"\x1a\x45\xdf\xa3\xa3B\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82"
COMPOUND: Final = bytes.fromhex("d0cf11e0a1b11ae1") + PADDING

SAMPLES: Final[dict[str, tuple[bytes, ...]]] = {
    "image/png": (image("PNG"),),
    "image/jpeg": (image("JPEG"), b"\xff\xd8\xff\xe1\0\x10Exif\0\0" + PADDING, b"\xff\xd8\xff\xdb\0C" + PADDING),
    "image/gif": (image("GIF"),),
    "image/webp": (image("WEBP"),),
    "image/avif": (iso(b"avif", b"mif1", b"miaf"), iso(b"avis", b"msf1"), iso(b"mif1", b"avif")),
    "image/heic": tuple(iso(brand, b"mif1") for brand in (b"heic", b"heix", b"hevc", b"mif1", b"msf1")),
    "image/bmp": (image("BMP"),),
    "image/tiff": (image("TIFF"), b"MM\0*\0\0\0\x08" + PADDING),
    "video/mp4": tuple(
        iso(brand, b"isom")
        for brand in (b"isom", b"mp42", b"mp41", b"avc1", b"dash", b"iso5", b"iso6", b"MSNV", b"M4V ", b"f4v ")
    ),
    "video/quicktime": (
        iso(b"qt  "),
        b"\0\0\0\x08wide\0\0\x10\0mdat" + PADDING,
        b"\0\0\x10\0moov\0\0\0\x6cmvhd" + PADDING,
    ),
    "video/3gpp": (iso(b"3gp5", b"isom"), iso(b"3g2a")),
    "video/webm": (EBML + b"\x84webmB\x87\x81\x04" + PADDING,),
    "video/x-matroska": (EBML + b"\x88matroskaB\x87\x81\x04" + PADDING,),
    "video/ogg": (b"OggS\0\2" + bytes(22) + b"\x2a\x80theora" + PADDING,),
    "video/mpeg": (b"\0\0\1\xba\x44" + PADDING,),
    "video/x-msvideo": (b"RIFF\x10\0\0\0AVI LIST" + PADDING,),
    "video/x-ms-wmv": (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + PADDING,),
    "audio/mp4": (iso(b"M4A ", b"mp42"), iso(b"M4B ")),
    "audio/mpeg": (
        b"ID3\4\0\0\0\0\0\x0f" + PADDING,
        *(bytes([0xFF, second, 0x90, 0x64]) + PADDING for second in (0xFB, 0xFA, 0xF3, 0xF2, 0xE3)),
    ),
    "audio/aac": (b"\xff\xf1P\x80\x02\x1f\xfc" + PADDING, b"\xff\xf9P\x80\x02\x1f\xfc" + PADDING),
    "audio/ogg": (
        b"OggS\0\2" + bytes(22) + b"\1\x1e\1vorbis" + PADDING,
        b"OggS\0\2" + bytes(22) + b"OpusHead" + PADDING,
    ),
    "audio/webm": (EBML + b"\x84webmB\x87\x81\x04" + PADDING,),
    "audio/wav": (b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0" + PADDING,),
    "audio/flac": (b"fLaC\0\0\0\x22" + PADDING,),
    "audio/aiff": (b"FORM\0\0\0\0AIFFCOMM" + PADDING,),
    "audio/amr": (b"#!AMR\n" + PADDING,),
    "audio/midi": (b"MThd\0\0\0\6\0\1" + PADDING,),
    "application/pdf": (
        b"%PDF-1.7\n%\xe2\xe3",
        b"\xef\xbb\xbf%PDF-1.4\n",
        b"\n%PDF-1.4\n",
        b"\r\n \t%PDF-2.0\n",
        b"\x1b%-12345X@PJL JOB\r\n%PDF-1.5\n",
        b"\xfe\xff\n" * 100 + b"%PDF-1.5\n",
    ),
    "application/rtf": (b"{\\rtf1\\ansi Hello}",),
    "application/zip": (archive("a.txt"),),
    f"{OFFICE}wordprocessingml.document": (archive("[Content_Types].xml", "_rels/.rels", "word/document.xml"),),
    f"{OFFICE}spreadsheetml.sheet": (archive("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml"),),
    f"{OFFICE}presentationml.presentation": (archive("[Content_Types].xml", "ppt/presentation.xml"),),
    f"{OPEN}text": (archive("mimetype", "content.xml"),),
    f"{OPEN}spreadsheet": (archive("mimetype", "content.xml"),),
    f"{OPEN}presentation": (archive("mimetype", "content.xml"),),
    "application/msword": (COMPOUND,),
    "application/vnd.ms-excel": (COMPOUND,),
    "application/vnd.ms-powerpoint": (COMPOUND,),
}
"""MIME type → samples. Texts have no magic bytes: see TEXTS."""

TEXTS: Final[dict[str, tuple[bytes, str | None]]] = {
    "ASCII": (b"a,b\r\n1,2\r\n", "utf-8"),
    "UTF-8": ("Grüße,\r\n\tAda 👩‍💻".encode(), "utf-8"),
    "UTF-8 with a byte-order mark": ("\ufeffGrüße".encode(), "utf-8"),
    "Windows-1252": ("Grüße aus Köln – „schön“, 5 €".encode("cp1252"), "windows-1252"),
    "Windows-1252 that begins like a bitmap": ("BMW Händler;Köln\r\n".encode("cp1252"), "windows-1252"),
    "UTF-8 that begins like music": (b"ID3 tags explained", "utf-8"),
    "UTF-8 that begins like a program": (b"MZ is the number of a magazine", "utf-8"),
    "UTF-16 of Windows": ("Grüße\r\n日本".encode("utf-16"), "utf-16le"),
    "UTF-16, big end first": (b"\xfe\xff" + "Grüße\r\n日本".encode("utf-16-be"), "utf-16be"),
    "UTF-16 without a byte-order mark": ("Name;Ort\r\nAda;Köln\r\n".encode("utf-16-le"), "utf-16le"),
    "Shift_JIS": ("議事録、東京".encode("shift_jis"), None),
    "Windows-1251": ("Привет".encode("cp1251"), "windows-1252"),
    "a log with colours": (b"\x1b[31mfailed\x1b[0m\n", "utf-8"),
}
"""Description → a text file and the charset that its download declares, or None without a declared charset."""
