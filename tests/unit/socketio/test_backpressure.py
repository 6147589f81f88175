"""Backpressure pauses and resumes the reading from a client, or refuses its events."""

from __future__ import annotations

import pytest

from roomcast.socketio.backpressure import MAX_TOTAL_BYTES, MAX_TOTAL_EVENTS, Backpressure

PAYLOAD = 100_000


class Client:
    """A session that records whether the reading from it is paused."""

    def __init__(self) -> None:
        self.held = self.pending_events = self.pending_bytes = 0
        self.is_input_paused = False

    def pause_input(self) -> None:
        self.is_input_paused = True

    def resume_input(self) -> None:
        self.is_input_paused = False


def begin(backpressure: Backpressure, client: Client, size: int, count: int = 1) -> list[bool]:
    return [backpressure.begin(client, size) for _ in range(count)]


def test_a_client_with_many_events_is_paused_until_half_of_them_are_done() -> None:
    backpressure, busy, other = Backpressure(PAYLOAD), Client(), Client()
    assert all(begin(backpressure, busy, 10, 999))
    assert not busy.is_input_paused
    assert begin(backpressure, busy, 10) == begin(backpressure, other, 10) == [True]
    assert (busy.is_input_paused, other.is_input_paused) == (True, False)
    for _ in range(499):
        backpressure.end(busy, 10)
    assert busy.is_input_paused
    backpressure.end(busy, 10)
    assert not busy.is_input_paused
    assert (busy.held, busy.pending_events, busy.pending_bytes) == (500, 500, 5_000)


def test_a_client_with_many_pending_bytes_is_paused_until_half_of_them_are_done() -> None:
    backpressure, busy = Backpressure(PAYLOAD), Client()
    begin(backpressure, busy, PAYLOAD, 2)
    assert busy.is_input_paused
    backpressure.end(busy, PAYLOAD)
    assert not busy.is_input_paused


@pytest.mark.parametrize(("size", "most"), [(10, 2_000), (PAYLOAD, 13)])
def test_events_of_a_paused_client_are_refused_above_a_bound_in_events_and_bytes(size: int, most: int) -> None:
    backpressure, busy = Backpressure(PAYLOAD), Client()
    assert begin(backpressure, busy, size, most + 5) == [True] * most + [False] * 5
    assert (backpressure.events, backpressure.bytes) == (most, most * size)


@pytest.mark.parametrize(("size", "count"), [(10, MAX_TOTAL_EVENTS), (50_000, MAX_TOTAL_BYTES // 50_000)])
def test_at_the_limit_of_all_clients_each_client_that_sends_is_paused(size: int, count: int) -> None:
    backpressure = Backpressure(PAYLOAD)
    clients = [Client() for _ in range(count)]
    for client in clients:
        begin(backpressure, client, size)
    assert [client.is_input_paused for client in clients].index(True) == count - 1
    late = Client()
    begin(backpressure, late, size)
    assert late.is_input_paused
    for client in clients[: count // 2]:
        backpressure.end(client, size)
    assert late.is_input_paused
    backpressure.end(clients[-1], size)
    assert not late.is_input_paused
    assert not clients[-1].is_input_paused
