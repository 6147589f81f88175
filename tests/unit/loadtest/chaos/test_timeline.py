"""The timeline of one room at a client: live messages, joins, pages, gaps and declared losses."""

from __future__ import annotations

from typing import Any

from loadtest.chaos.journal import Declared, Place, Reading
from loadtest.chaos.timeline import Timeline

E1, E2 = "e1", "e2"


def message(seq: int, epoch: str = E1, name: str = "") -> dict[str, Any]:
    return {"room": "r", "seq": seq, "epoch": epoch, "id": name or f"{epoch}-{seq}"}


def answer(seq: int, *seqs: int, epoch: str = E1, recovered: bool = True, more: bool = False) -> dict[str, Any]:
    page = [message(one, epoch) for one in seqs]
    return {"epoch": epoch, "seq": seq, "recovered": recovered, "messages": page, "more": more}


def timeline(*, is_plain: bool = False, seq: int = 0) -> Timeline:
    """Return the timeline of a room that was joined at `seq`."""
    made = Timeline(Reading("r", "room", is_plain=is_plain))
    made.joined(answer(seq, recovered=False), None, 0.0, "1")
    return made


def seen(made: Timeline) -> list[str]:
    return [delivery.id for delivery in made.reading.deliveries]


def receive(made: Timeline, *messages: dict[str, Any]) -> None:
    for one in messages:
        made.live(one, 1.0, "1")


def rejoin(made: Timeline, reply: dict[str, Any]) -> bool:
    return made.joined(reply, made.since, 2.0, "1")


def test_live_messages_are_recorded_in_order_and_repeats_are_dropped() -> None:
    made = timeline()
    receive(made, message(1), message(2), message(2), message(3))
    assert seen(made) == ["e1-1", "e1-2", "e1-3"]
    assert [(one.place, one.repeat) for one in made.reading.disorders] == [(Place(E1, 2), True)]


def test_a_lower_seq_on_one_connection_is_recorded_as_disorder() -> None:
    made = timeline()
    receive(made, message(1), message(2), message(1))
    assert [one.repeat for one in made.reading.disorders] == [False]


def test_messages_after_a_gap_are_held_back_until_the_next_join() -> None:
    made = timeline()
    receive(made, message(1), message(3))
    assert made.has_gap
    assert seen(made) == ["e1-1"]
    assert rejoin(made, answer(3, 2, 3)) is False
    assert seen(made) == ["e1-1", "e1-2", "e1-3"]
    assert not made.has_gap


def test_live_messages_are_held_back_until_all_pages_are_read() -> None:
    made = timeline(seq=1)
    made.connected()
    receive(made, message(6))
    assert rejoin(made, answer(5, 2, 3, more=True)) is True
    assert made.since == {"seq": 3, "epoch": E1}
    assert seen(made) == ["e1-2", "e1-3"]
    assert rejoin(made, answer(5, 4, 5)) is False
    assert seen(made) == ["e1-2", "e1-3", "e1-4", "e1-5", "e1-6"]


def test_after_recovered_false_history_is_read_back_to_a_known_message() -> None:
    made = timeline()
    receive(made, message(1))
    made.connected()
    rejoin(made, answer(9, 8, 9, epoch=E2, recovered=False))
    assert made.reading.declared == [Declared(E2, 7, 2.0, "1")]
    assert made.gap_before == 8
    older = answer(9, more=True) | {"messages": [message(1), message(2, E2), message(7, E2)]}
    made.history(older, 3.0, "1")
    assert made.gap_before is None
    assert seen(made) == ["e1-1", "e2-8", "e2-9", "e2-7", "e2-2"]


def test_history_is_read_back_to_the_beginning_of_the_log() -> None:
    made = timeline()
    made.connected()
    rejoin(made, answer(9, 9, epoch=E2, recovered=False))
    made.history(answer(9, more=True) | {"messages": [message(8, E2)]}, 3.0, "1")
    assert made.gap_before == 8
    made.history(answer(9) | {"messages": [message(7, E2)]}, 3.0, "1")
    assert made.gap_before is None


def test_no_history_is_read_if_the_page_of_the_join_has_a_known_message() -> None:
    made = timeline()
    receive(made, message(1), message(2))
    made.connected()
    page = [message(2), message(3, E2)]
    rejoin(made, answer(3, epoch=E2, recovered=False) | {"messages": page})
    assert made.gap_before is None
    assert seen(made) == ["e1-1", "e1-2", "e2-3"]


def test_a_first_join_declares_no_loss() -> None:
    assert timeline(seq=50).reading.declared == []


def test_after_resync_no_message_is_accepted_before_the_join() -> None:
    made = timeline()
    receive(made, message(1))
    made.resync(1.5, "1")
    receive(made, message(9))
    assert seen(made) == ["e1-1"]
    assert [declared.epoch for declared in made.reading.declared] == [""]


def test_a_message_with_a_known_id_at_another_place_is_recorded_as_a_repeat() -> None:
    made = timeline()
    receive(made, message(1, name="x"), message(2, name="x"))
    assert seen(made) == ["x"]
    assert [one.place for one in made.reading.repeats] == [Place(E1, 2)]


def test_a_plain_client_does_not_fill_gaps() -> None:
    made = timeline(is_plain=True)
    receive(made, message(1), message(3), message(2))
    assert not made.has_gap
    assert seen(made) == ["e1-1", "e1-3"]


def test_a_plain_client_recovers_after_a_reconnect() -> None:
    made = timeline(is_plain=True)
    receive(made, message(1))
    made.connected()
    receive(made, message(4))
    rejoin(made, answer(3, 2, 3))
    assert seen(made) == ["e1-1", "e1-2", "e1-3", "e1-4"]
