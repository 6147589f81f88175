"""The short form of an experiment: few clients, few seconds."""

from __future__ import annotations

import pytest

from loadtest.chaos.crowd import Size
from loadtest.chaos.experiment import Plan
from loadtest.chaos.fault_tools import Span


@pytest.fixture
def short() -> Plan:
    return Plan(Size(clients=60, rate=80.0), Span(before=1.5, held=2.0, after=2.0, finish=20.0), seed=4711)
