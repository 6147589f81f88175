"""Which files are welcome, and what they are called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomcast.contract.errors import Code, RoomcastError
from roomcast.media import policy

RULES = policy.Policy(frozenset(policy.FILE_TYPES), max_bytes=1000)


def refused(name: str = "cat.png", content_type: str = "image/png", size: int = 10) -> bool:
    with pytest.raises(RoomcastError) as caught:
        policy.admit(RULES, name, content_type, size)
    return caught.value.code is Code.MEDIA_REFUSED


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "..\\x.png",
        "/etc/passwd",
        "a/b.png",
        "%2e%2e",
        "%2E%2E%2Fx.png",
        "%252e%252e%252fx.png",
        "..",
        ".",
        "x\0.png",
        "x%00.png",
        "2026/11/somebody-elses.png",
        "incoming%2fx.png",
        "a\N{FULLWIDTH SOLIDUS}b.png",
    ],
)
def test_a_name_that_is_a_path_is_refused(name: str) -> None:
    assert refused(name=name)


@pytest.mark.parametrize("name", ["x.svg", "x.SVG", "x.html", "x.png.htm", "x.%68tml", "x.svg.", "x.xhtml"])
def test_a_name_that_promises_active_content_is_refused(name: str) -> None:
    assert refused(name=name)


@pytest.mark.parametrize(
    "content_type",
    [
        "image/svg+xml",
        "IMAGE/SVG+XML",
        "text/html",
        "text/html;image/png",
        "application/xhtml+xml",
        "text/xml",
        "text/javascript",
        "application/octet-stream",
        "image/*",
        "*/*",
        "",
        "image/png\r\nX: y",
    ],
)
def test_a_type_that_is_not_listed_is_refused(content_type: str) -> None:
    assert refused(content_type=content_type)


@pytest.mark.parametrize("size", [0, -1, 1001])
def test_nothing_and_too_much_are_refused(size: int) -> None:
    assert refused(size=size)


@pytest.mark.parametrize("size", [1, 1000])
def test_sizes_at_the_bounds_are_welcome(size: int) -> None:
    assert policy.admit(RULES, "cat.png", "image/png", size).size == size


def test_a_deployment_may_allow_less() -> None:
    only_pictures = policy.Policy(frozenset({"image/png"}), max_bytes=1000)
    assert policy.admit(only_pictures, "a.png", "image/png", 1).type == "image/png"
    with pytest.raises(RoomcastError):
        policy.admit(only_pictures, "a.pdf", "application/pdf", 1)


def test_parameters_of_a_type_are_dropped() -> None:
    assert policy.admit(RULES, "a.weba", "Audio/WebM; codecs=opus", 1).type == "audio/webm"


@pytest.mark.parametrize(
    ("name", "content_type", "clean"),
    [
        ("cat.png", "image/png", "cat.png"),
        ("Cat.JPEG", "image/jpeg", "Cat.jpeg"),
        ("report..final.pdf", "application/pdf", "report..final.pdf"),
        ("setup.exe", "image/png", "setup.exe.png"),
        ("no extension", "image/gif", "no extension.gif"),
        ("  two\n lines\t.png", "image/png", "two lines .png"),
        ("gp\N{RIGHT-TO-LEFT OVERRIDE}exe.png", "image/png", "gpexe.png"),
        ("über–größe 100%.txt", "text/plain", "über–größe 100%.txt"),
        ("\N{ZERO WIDTH SPACE}", "image/png", "file.png"),
        ("x" * 300 + ".png", "image/png", "x" * 116 + ".png"),
    ],
)
def test_names_are_cleaned(name: str, content_type: str, clean: str) -> None:
    assert policy.clean_name(name, content_type) == clean


@given(st.text(min_size=1, max_size=255), st.sampled_from(sorted(policy.FILE_TYPES)))
def test_a_clean_name_is_always_one_short_line_without_a_path(name: str, content_type: str) -> None:
    try:
        clean = policy.clean_name(name, content_type)
    except RoomcastError:
        return
    assert 0 < len(clean) <= policy.MAX_NAME_LENGTH
    assert not set(clean) & set("/\\\0\r\n")
    assert clean.rpartition(".")[2] in policy.FILE_TYPES[content_type].extensions
    assert policy.clean_name(clean, content_type) == clean


@given(st.text(min_size=1, max_size=100))
def test_a_disposition_is_one_header_whatever_the_name(name: str) -> None:
    try:
        clean = policy.clean_name(name, "application/pdf")
    except RoomcastError:
        return
    header = policy.disposition(clean, "application/pdf")
    assert header.isascii()
    assert header.startswith("attachment; ")
    assert header.count('"') == 2
    assert "\r" not in header
    assert "\n" not in header


def test_only_harmless_types_are_shown_inline() -> None:
    assert policy.disposition("a.png", "image/png").startswith("inline")
    assert policy.disposition("a.pdf", "application/pdf").startswith("attachment")
    assert policy.disposition("a.txt", "text/plain").startswith("attachment")
    assert policy.served_type("text/plain") == "text/plain; charset=utf-8"


def test_keys_hold_nothing_of_the_browser() -> None:
    assert policy.final_key("abc", "image/jpeg", 2026, 3) == "2026/03/abc.jpg"
    assert policy.incoming_key("abc") == "incoming/abc"
