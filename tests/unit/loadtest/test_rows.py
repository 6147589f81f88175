"""The rows of a subset."""

from __future__ import annotations

import pytest

from loadtest.bench.results import METRICS
from loadtest.bench.rows import all_rows, select
from loadtest.peers.catalog import DEFAULT_PEERS, all_peers


def test_subsets() -> None:
    assert [row.name for row in select("small")] == ["rooms-10"]
    default = {row.name for row in select("default")}
    assert {"room-1000", "rooms-10", "paced", "idle"} <= default
    assert default < {row.name for row in select("all")}
    assert [row.name for row in select("idle,paced")] == ["idle", "paced"]


def test_an_unknown_row_is_named() -> None:
    with pytest.raises(ValueError, match="unknown row nothing"):
        select("paced,nothing")


def test_rows_have_names_of_their_own_and_known_figures_and_peers() -> None:
    rows = all_rows()
    assert len({row.name for row in rows}) == len(rows)
    assert {info.headline for row in rows for info in row.infos} <= set(METRICS)
    assert {peer for row in rows for peer in row.peers} | set(DEFAULT_PEERS) <= set(all_peers())
