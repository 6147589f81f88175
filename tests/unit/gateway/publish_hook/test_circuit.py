"""The circuit decides when a gateway asks an endpoint, and how long the gateway pauses after failures."""

from __future__ import annotations

import pytest

from roomcast.gateway.publish_hook.circuit import FAILURES, LAST_PAUSE_SECONDS, Circuit


class Rig:
    def __init__(self) -> None:
        self.now = 50.0
        self.circuit = Circuit(lambda: self.now, lambda: 1.0)

    def open_circuit(self) -> None:
        for _ in range(FAILURES):
            assert self.circuit.may_ask()
            self.circuit.failed()
        assert self.circuit.is_open


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_consecutive_failures_open_the_circuit(rig: Rig) -> None:
    for _ in range(FAILURES - 1):
        rig.circuit.failed()
    assert not rig.circuit.is_open
    rig.circuit.succeeded()
    for _ in range(FAILURES - 1):
        rig.circuit.failed()
    assert rig.circuit.may_ask()
    rig.circuit.failed()
    assert not rig.circuit.may_ask()


def test_a_successful_request_after_the_pause_closes_the_circuit(rig: Rig) -> None:
    rig.open_circuit()
    rig.now += 0.9
    assert not rig.circuit.may_ask()
    rig.now += 0.2
    assert rig.circuit.may_ask()
    assert not rig.circuit.may_ask()
    rig.circuit.succeeded()
    assert rig.circuit.may_ask()
    assert not rig.circuit.is_open


def test_the_pauses_double_up_to_thirty_seconds(rig: Rig) -> None:
    rig.open_circuit()
    pauses = []
    for _ in range(8):
        start = rig.now
        while not rig.circuit.may_ask():
            rig.now += 0.5
        pauses.append(rig.now - start)
        rig.circuit.failed()
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    assert pauses[-1] == LAST_PAUSE_SECONDS


def test_late_failures_of_earlier_requests_do_not_lengthen_the_pause(rig: Rig) -> None:
    rig.open_circuit()
    for _ in range(50):
        rig.circuit.failed()
    rig.now += 1.1
    assert rig.circuit.may_ask()
