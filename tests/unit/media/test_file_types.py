"""The list of file types, with the names that browsers and operating systems use for them."""

from __future__ import annotations

from collections import Counter

import pytest

from roomcast.media.file_types import ACTIVE_EXTENSIONS, FILE_TYPES, canonical, resolve


def test_each_name_belongs_to_one_type() -> None:
    names = Counter(name for listed, kind in FILE_TYPES.items() for name in (listed, *kind.aliases))
    assert [name for name, times in names.items() if times > 1] == []
    assert all(name == name.lower() and "/" in name for name in names)


def test_no_type_has_the_extension_of_an_active_document() -> None:
    assert not [name for name, kind in FILE_TYPES.items() if set(kind.extensions) & ACTIVE_EXTENSIONS]


@pytest.mark.parametrize(
    ("announced", "name", "type_"),
    [
        ("image/jpg", "a.jpg", "image/jpeg"),
        ("audio/mp3", "a.mp3", "audio/mpeg"),
        ("audio/x-m4a", "a.m4a", "audio/mp4"),
        ("audio/x-wav", "a.wav", "audio/wav"),
        ("video/x-m4v", "a.m4v", "video/mp4"),
        ("video/quicktime", "IMG_0001.MOV", "video/quicktime"),
        ("image/heif", "IMG_0001.HEIC", "image/heic"),
        ("text/csv", "a.csv", "text/csv"),
        ("application/vnd.ms-excel", "a.csv", "text/csv"),
        ("application/vnd.ms-excel", "a.xls", "application/vnd.ms-excel"),
        ("text/x-markdown", "a.md", "text/markdown"),
        ("application/x-zip-compressed", "a.zip", "application/zip"),
        ("Audio/WebM; codecs=opus", "a.weba", "audio/webm"),
        ("", "notes.md", "text/markdown"),
        ("", "IMG_0001.HEIC", "image/heic"),
        ("application/octet-stream", "a.mkv", "video/x-matroska"),
        ("application/octet-stream", "cat.PNG", "image/png"),
        ("application/octet-stream", "a.json", "application/json"),
        ("application/octet-stream", "setup.exe", None),
        ("application/octet-stream", "page.svg", None),
        ("", "no extension", None),
        ("image/svg+xml", "a.svg", None),
        ("text/html", "a.txt", None),
    ],
)
def test_an_announced_type_and_name_give_one_listed_type_or_none(announced: str, name: str, type_: str | None) -> None:
    assert resolve(announced, name) == type_


@pytest.mark.parametrize("listed", FILE_TYPES)
def test_every_alias_gives_its_type_and_every_extension_a_type_of_its_family(listed: str) -> None:
    kind = FILE_TYPES[listed]
    assert {canonical(alias.upper()) for alias in (listed, *kind.aliases)} == {listed}
    assert resolve("", f"x.{kind.extensions[0]}") == listed
    for extension in kind.extensions:
        found = resolve("", f"x.{extension}")
        assert found == listed or (found is not None and FILE_TYPES[found].family == kind.family)
