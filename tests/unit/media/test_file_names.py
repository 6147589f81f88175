"""File names are kept as typed, paths are refused, and the header with a name is always safe."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomcast.media.file_names import MAX_NAME_LENGTH, NameRefusedError, clean_name, disposition, saved_name
from roomcast.media.file_types import FILE_TYPES


@pytest.mark.parametrize(
    "name",
    [
        "cat.png",
        "Cat.JPEG",
        "no extension",
        "setup.exe",
        "議事録2026／09.pdf",
        "50%2F50.pdf",
        "100%.txt",
        "%41.txt",
        "a%20b.txt",
        "incoming%2fx.png",
        "a＼b.txt",
        "report..final.pdf",
        "…und dann….txt",
        "über–größe 100%.txt",
        "Ame\u0301lie.txt",  # decomposed, as macOS stores names
        "👩\u200d💻 family.png",  # a zero-width joiner makes one emoji of two
        "می\u200cخواهم.pdf",  # a zero-width non-joiner is part of the word
        "❤\ufe0f.gif",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f.png",  # a flag of tag characters
        "\u05d0\u200f(1).pdf",
        "\U0001fae8 \U0001fadf.png",  # newer than the Unicode data of this Python
        "\uf8ff.txt",
        "two  blanks.txt",
        'it\'s "quoted"; a=b.txt',
        "x" * 250 + ".png",
    ],
)
def test_a_name_is_kept_as_typed(name: str) -> None:
    assert clean_name(name) == name


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("two\n lines\t.png", "two  lines .png"),
        ("a\r\nX-Header: y.png", "a  X-Header: y.png"),
        ("gp\N{RIGHT-TO-LEFT OVERRIDE}exe.png", "gpexe.png"),
        ("a\x07b\ud800.png", "ab.png"),
        ("a\u2028b.png", "a b.png"),
        (" a.png ", "a.png"),
        ("\N{ZERO WIDTH SPACE}", "file"),
        ("\N{HANGUL FILLER} \N{BRAILLE PATTERN BLANK}", "file"),
        ("\N{RIGHT-TO-LEFT ISOLATE}\N{SOFT HYPHEN}", "file"),
        ("x" * 300, "x" * MAX_NAME_LENGTH),
    ],
)
def test_control_characters_and_invisible_names_are_replaced(name: str, clean: str) -> None:
    assert clean_name(name) == clean


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        ".\x07",
        ".\x07.",
        "%2e\x07%2e",
        "..\\x.png",
        "/etc/passwd",
        "a/b.png",
        "%2e%2e",
        "%2E%2E%2Fx.png",
        "%252e%252e%252fx.png",
        "a%2F..%2Fb.png",
        "．．／x.png",
        "..",
        ".",
        " . ",
        "x\0.png",
        "x%00.png",
        "2026/11/another.png",
    ],
)
def test_a_path_is_refused(name: str) -> None:
    with pytest.raises(NameRefusedError):
        clean_name(name)


@pytest.mark.parametrize(
    "name",
    ["x.svg", "x.SVG", "x.html", "x.png.htm", "x.%68tml", "x.svg.", "x.svg .", "x.xhtml", "ｘ．ｓｖｇ", "x.sv\x07g"],
)
def test_a_name_with_the_extension_of_active_content_is_refused(name: str) -> None:
    with pytest.raises(NameRefusedError):
        clean_name(name)


@pytest.mark.parametrize(
    ("name", "content_type", "saved"),
    [
        ("cat.png", "image/png", "cat.png"),
        ("setup.exe", "image/png", "setup.exe.png"),
        ("no extension", "image/gif", "no extension.gif"),
        ("notes.md", "text/plain", "notes.md"),
        (".bashrc", "text/plain", "bashrc.txt"),
        ("...", "text/plain", "file.txt"),
        ("議" * 200 + ".pdf", "application/pdf", "議" * 65 + ".pdf"),
    ],
)
def test_the_saved_name_has_an_extension_of_its_type(name: str, content_type: str, saved: str) -> None:
    assert saved_name(name, content_type) == saved


def test_the_header_has_the_name_in_ascii_and_in_utf_8() -> None:
    assert disposition("議事録2026／09.pdf", "application/pdf") == (
        "attachment; filename=\"___2026_09.pdf\"; filename*=UTF-8''%E8%AD%B0%E4%BA%8B%E9%8C%B22026%EF%BC%8F09.pdf"
    )
    assert disposition("50%2F50.pdf", "application/pdf").endswith(
        "filename=\"50_2F50.pdf\"; filename*=UTF-8''50%252F50.pdf"
    )


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("image/png", "inline"),
        ("video/quicktime", "inline"),
        ("audio/wav", "inline"),
        ("image/heic", "attachment"),
        ("application/pdf", "attachment"),
        ("text/plain", "attachment"),
        ("application/zip", "attachment"),
    ],
)
def test_only_types_that_are_harmless_in_a_browser_are_inline(content_type: str, kind: str) -> None:
    assert disposition("a", content_type).partition(";")[0] == kind


@given(st.text(min_size=1, max_size=255), st.sampled_from(sorted(FILE_TYPES)))
def test_the_header_for_any_name_is_one_line_with_two_safe_names(name: str, content_type: str) -> None:
    try:
        clean = clean_name(name)
    except NameRefusedError:
        return
    assert 0 < len(clean) <= MAX_NAME_LENGTH
    assert clean_name(clean) == clean
    header = disposition(clean, content_type)
    match = re.fullmatch(
        r"(inline|attachment); filename=\"([A-Za-z0-9._ -]+)\"; filename\*=UTF-8''([A-Za-z0-9%._~-]+)", header
    )
    assert match is not None
    for saved in (match[2], unquote(match[3])):
        assert saved.rpartition(".")[2].lower() in FILE_TYPES[content_type].extensions
        assert not set(saved) & set("/\\\0\r\n")
    assert len(unquote(match[3]).encode()) <= 255
