"""The files that a deployment accepts, and their storage keys."""

from __future__ import annotations

import pytest

from roomcast.contract.errors import Code, RoomcastError
from roomcast.media import policy
from roomcast.media.file_types import FILE_TYPES

RULES = policy.Policy(frozenset(FILE_TYPES), max_bytes=1000)


def is_refused(name: str = "cat.png", content_type: str = "image/png", size: int = 10) -> bool:
    with pytest.raises(RoomcastError) as caught:
        policy.admit(RULES, name, content_type, size)
    return caught.value.code is Code.MEDIA_REFUSED


@pytest.mark.parametrize("name", ["../x", "%2e%2e", "x.svg"])
def test_a_path_or_an_active_file_name_is_refused(name: str) -> None:
    assert is_refused(name=name)


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
        "application/x-msdownload",
        "image/*",
        "*/*",
        "image/png\r\nX: y",
    ],
)
def test_a_type_that_is_not_listed_is_refused(content_type: str) -> None:
    assert is_refused(content_type=content_type)


@pytest.mark.parametrize("size", [0, -1, 1001])
def test_empty_and_too_large_files_are_refused(size: int) -> None:
    assert is_refused(size=size)


@pytest.mark.parametrize("size", [1, 1000])
def test_sizes_at_the_bounds_are_accepted(size: int) -> None:
    assert policy.admit(RULES, "cat.png", "image/png", size).size == size


def test_a_type_alias_is_replaced_and_the_file_name_is_kept_as_typed() -> None:
    assert policy.admit(RULES, "Ada’s photo.JPG", "image/jpg", 1) == ("Ada’s photo.JPG", "image/jpeg", 1)


def test_a_deployment_may_allow_fewer_types() -> None:
    only_pictures = policy.Policy(frozenset({"image/png"}), max_bytes=1000)
    assert policy.admit(only_pictures, "a.png", "", 1).type == "image/png"
    for announced in ("application/pdf", ""):
        with pytest.raises(RoomcastError):
            policy.admit(only_pictures, "a.pdf", announced, 1)


def test_the_served_type_of_a_text_has_its_charset_if_it_is_known() -> None:
    assert policy.served_type("text/csv", "windows-1252") == "text/csv; charset=windows-1252"
    assert policy.served_type("text/plain", None) == "text/plain"
    assert policy.served_type("image/png", "utf-8") == "image/png"


def test_storage_keys_contain_no_text_of_the_client() -> None:
    assert policy.final_key("abc", "image/jpeg", 2026, 3) == "2026/03/abc.jpg"
    assert policy.incoming_key("abc") == "incoming/abc"
