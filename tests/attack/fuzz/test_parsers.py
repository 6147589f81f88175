"""The checks of `parser_checks` on the seeds, on changed seeds and on arbitrary bytes (by Hypothesis)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.attack.fuzz.parser_checks import PARSERS, SEEDS

CORPUS = Path(__file__).with_name("corpus")


@st.composite
def mutations(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """Draw a seed; remove, repeat or replace pieces of it."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 8)))
        piece = draw(st.one_of(st.binary(max_size=6), st.just(data[at:end] * 3), st.sampled_from(seeds)))
        data = data[:at] + piece + data[end:]
    return data


@pytest.mark.parametrize("name", PARSERS)
def test_every_parser_handles_arbitrary_bytes(name: str) -> None:
    @settings(max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.one_of(st.binary(max_size=400), mutations(SEEDS[name])))
    def check(data: bytes) -> None:
        PARSERS[name](data)

    check()


@pytest.mark.parametrize("name", PARSERS)
def test_the_check_of_a_parser_passes_for_its_seeds_and_for_inputs_that_failed_earlier(name: str) -> None:
    assert SEEDS[name]
    for data in (*SEEDS[name], *(path.read_bytes() for path in CORPUS.glob(f"{name}/*"))):
        PARSERS[name](data)
