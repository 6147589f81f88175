"""Session ids contain the node number and are random."""

from __future__ import annotations

import re

from roomcast.wire.session_ids import SessionIds


def test_every_id_names_its_node_and_is_unique() -> None:
    new = SessionIds("7")
    ids = [new() for _ in range(1_000)]

    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"g7\.[0-9A-Za-z_-]{20}", session_id) for session_id in ids)


def test_every_character_after_the_node_is_random() -> None:
    new = SessionIds("7")
    columns = list(zip(*(new().removeprefix("g7.") for _ in range(1_000)), strict=True))

    assert all(len(set(column)) > 50 for column in columns)
