"""Blank texts, cleaned names, and single emoji."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomcast.contract.texts import MAX_NAME, MAX_NOTE, canonical_emoji, clean_line, clean_name, clean_note, is_blank


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\n\t ",
        "\u200b",
        "\u200b\u200d\ufeff",
        "\u00a0\u3000\u2003",
        "\u2800",
        "\u3164",
        "\u115f\u1160",
        "\ufe0f",
        "\u00ad",
        "\u202e\u202c",
        "\u2066\u2069",
        "\x00\x1b",
        "\U000e0041",
    ],
    ids=ascii,
)
def test_a_text_without_visible_characters_is_blank(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize(
    "text", ["a", " a ", "\u200b.", "é", "あ", "‏א", "👍", "❤", "\u0301", "0", "\u200bא"], ids=ascii
)
def test_a_text_with_a_visible_character_is_not_blank(text: str) -> None:
    assert not is_blank(text)


def test_letters_numbers_and_signs_are_visible() -> None:
    """The exceptions are letters that Unicode defines as ignorable, and the braille blank."""
    ignorable = {0x115F, 0x1160, 0x3164, 0xFFA0, 0x2800, 0x17B4, 0x17B5}
    wrong = [
        hex(code)
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code))[0] in "LNPS" and code not in ignorable and is_blank(chr(code))
    ]
    assert wrong == []


def test_space_and_format_characters_are_invisible() -> None:
    """The exceptions are visible format characters in Arabic, Syriac, Kaithi, Egyptian and shorthand."""
    visible = range(0x0600, 0x0606), range(0x06DD, 0x06DE), range(0x070F, 0x0710), range(0x0890, 0x0892)
    also_visible = range(0x08E2, 0x08E3), range(0x110BD, 0x110CE), range(0x13430, 0x13460)
    wrong = [
        hex(code)
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in ("Zs", "Zl", "Zp", "Cc", "Cf")
        and not is_blank(chr(code))
        and not any(code in signs for signs in (*visible, *also_visible))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("Ada", "Ada"),
        ("  Ada\n Lovelace\t", "Ada Lovelace"),
        ("Ada\u202egnp.exe", "Adagnp.exe"),
        ("\u2067Ada\u2069\u200f", "Ada"),
        ("A\u061cda\u200e", "Ada"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d🔬", "👩\u200d🔬"),
        ("שלום", "שלום"),
        ("Ada \ud83d", "Ada ?"),
        ("A\x00d\x1ba", "A d a"),
        ("\u202e", ""),
        ("\u200b", ""),
        ("", ""),
        ("x" * 79 + "  y", "x" * 79),
    ],
    ids=ascii,
)
def test_a_name_is_one_line_without_bidi_controls(name: str, cleaned: str) -> None:
    assert clean_name(name) == cleaned


@given(st.text(max_size=200))
def test_a_cleaned_name_stays_as_it_is(name: str) -> None:
    cleaned = clean_name(name)
    assert len(cleaned) <= MAX_NAME
    assert clean_name(cleaned) == cleaned


@pytest.mark.parametrize(
    "control", ["\u061c", "\u200e", "\u200f", *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))]
)
def test_bidi_controls_are_removed_from_names_notes_lines_and_emoji(control: str) -> None:
    assert clean_name(f"a{control}b") == clean_note(f"a{control}b") == clean_line(f"a{control}b", 2) == "ab"
    assert canonical_emoji(f"{control}👍{control}") == "👍"


def test_a_note_may_be_longer_than_a_name() -> None:
    assert (len(clean_note("x" * 200)), len(clean_name("x" * 200))) == (MAX_NOTE, MAX_NAME)


def test_the_forms_of_one_emoji_have_one_canonical_form() -> None:
    assert canonical_emoji("❤") == canonical_emoji("❤\ufe0f") == canonical_emoji("❤\ufe0e")
    assert canonical_emoji("1\ufe0f\u20e3") == canonical_emoji("1\u20e3")
    assert canonical_emoji("👩\u200d❤\ufe0f\u200d👨") == canonical_emoji("👩\u200d❤\u200d👨")
    assert canonical_emoji("👍") != canonical_emoji("👍🏽")
