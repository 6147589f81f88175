"""The entries of the directory, and the ranges of entries in which a query searches."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from roomcast.contract.directory import entry_of, id_of, range_of
from roomcast.contract.texts import clean_name

NAMES = st.text(max_size=40).map(clean_name)


def is_within(entry: str, query: str, after: str | None = None) -> bool:
    """Return whether Redis finds the entry in the range. `[` includes a bound, `(` excludes the bound."""
    start, end = range_of(query, after)
    value = entry.encode()
    above = start == b"-" or (value >= start[1:] if start[:1] == b"[" else value > start[1:])
    return above and (end == b"+" or value <= end[1:])


@given(NAMES, NAMES)
def test_an_entry_is_found_by_every_prefix_of_its_name(name: str, other: str) -> None:
    entry = entry_of(name, "team:red")
    assert id_of(entry) == "team:red"
    for length in range(len(name) + 1):
        assert is_within(entry, name[:length].swapcase() if name[:length].isascii() else name[:length])
    if other and not entry.startswith(other.casefold()):
        assert not is_within(entry, other)


def test_the_next_page_begins_after_the_last_entry() -> None:
    first, second = entry_of("Red", "team:a"), entry_of("red", "team:b")
    assert not is_within(first, "re", first)
    assert is_within(second, "re", first)


def test_a_cursor_before_the_names_of_the_query_does_not_widen_the_range() -> None:
    assert not is_within(entry_of("Blue", "team:a"), "re", "a")
    assert is_within(entry_of("Red", "team:a"), "re", "a")


def test_a_room_without_a_name_is_listed_under_its_id() -> None:
    assert entry_of("", "team:Red") == "team:red\nteam:Red"
