"""The rows of the benchmark (a row is one measurement of several servers), and the named subsets of rows."""

from __future__ import annotations

import pytest

from loadtest.bench.results import METRICS
from loadtest.bench.rows import all_rows, select
from loadtest.peers.catalog import DEFAULT_PEERS, all_peers


def test_select_returns_the_rows_of_a_subset() -> None:
    assert [row.name for row in select("small")] == ["rooms-10"]
    default = {row.name for row in select("default")}
    assert {"room-1000", "rooms-10", "paced", "idle"} <= default
    assert default < {row.name for row in select("all")}
    assert [row.name for row in select("idle,paced")] == ["idle", "paced"]


def test_the_error_names_an_unknown_row() -> None:
    with pytest.raises(ValueError, match="unknown row nothing"):
        select("paced,nothing")


def test_rows_have_unique_names_and_known_figures_and_servers() -> None:
    rows = all_rows()
    assert len({row.name for row in rows}) == len(rows)
    assert {info.headline for row in rows for info in row.infos} <= set(METRICS)
    assert {peer for row in rows for peer in row.peers} | set(DEFAULT_PEERS) <= set(all_peers())
