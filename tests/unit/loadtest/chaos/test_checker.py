"""The checker counts each kind of violation. A good run has no violations."""

from __future__ import annotations

from loadtest.chaos.checker import incomplete, judge
from loadtest.chaos.journal import Declared, Delivery, Disorder, Journal, Place, Reading, Sent, Visit

ROOM = "public:a"
E1, E2 = "e1", "e2"


def sent(counter: int, *, acked: bool = True, place: Place | None = None, at: float = 0.0, room: str = ROOM) -> Sent:
    message = Sent(f"w-{counter}", room, "w", counter, at or float(counter), "1")
    if acked:
        message.acked_at, message.place, message.acked_by = message.at + 0.01, place or Place(E1, counter), "1"
    return message


def delivery(counter: int, place: Place | None = None, via: str = "live", node: str = "1") -> Delivery:
    return Delivery(f"w-{counter}", place or Place(E1, counter), counter + 0.02, node, via)  # type: ignore[arg-type]


def journal(messages: list[Sent], *readings: Reading) -> Journal:
    return Journal({message.id: message for message in messages}, list(readings))


def reading(*deliveries: Delivery, reader: str = "r", **more: object) -> Reading:
    return Reading(reader, ROOM, deliveries=list(deliveries), visits=[Visit(0.0, "1")], **more)  # type: ignore[arg-type]


def counts(found: Journal, *, may_declare: bool = True) -> dict[str, int]:
    return dict(judge(found, may_declare=may_declare).counts)


def test_a_run_without_violations_has_no_failures() -> None:
    verdict = judge(
        journal([sent(1), sent(2)], reading(delivery(1), delivery(2)), reading(delivery(1), delivery(2), reader="s")),
        may_declare=False,
    )
    assert verdict.failures == []
    assert (verdict.attempted, verdict.acked, verdict.unknown, verdict.deliveries) == (2, 2, 0, 4)


def test_an_acked_message_that_does_not_reach_a_reader_counts_as_lost_at_the_gateway_of_the_reader() -> None:
    moved = reading(delivery(1))
    moved.visits = [Visit(0.0, "1"), Visit(1.5, "2"), Visit(9.0, "3")]
    verdict = judge(journal([sent(1), sent(2)], moved), may_declare=True)
    assert verdict.counts["lost"] == 1
    assert verdict.per_node["2"]["lost"] == 1
    assert verdict.failures == ["lost: 1"]


def test_a_send_that_timed_out_is_unknown_and_not_lost() -> None:
    verdict = judge(journal([sent(1), sent(2, acked=False)], reading(delivery(1))), may_declare=False)
    assert (verdict.unknown, verdict.failures) == (1, [])


def test_the_delivery_of_a_message_whose_send_timed_out_is_no_violation() -> None:
    assert counts(journal([sent(1), sent(2, acked=False)], reading(delivery(1), delivery(2)))) == {}


def test_a_reader_does_not_lose_a_message_of_another_room() -> None:
    assert counts(journal([sent(1), sent(2, room="public:b")], reading(delivery(1)))) == {}


def test_a_message_that_was_never_sent_is_unexpected() -> None:
    assert counts(journal([sent(1)], reading(delivery(1), delivery(7)))) == {"unexpected": 1}


def test_a_message_that_reaches_a_reader_of_another_room_is_unexpected() -> None:
    found = journal([sent(1), sent(2, room="public:b")], reading(delivery(1), delivery(2)))
    assert counts(found) == {"unexpected": 1}


def test_recovered_false_declares_the_loss_of_earlier_messages() -> None:
    informed = reading(delivery(3, Place(E2, 3)), declared=[Declared(E2, 2, 2.9, "1")])
    old = [sent(1), sent(2, place=Place(E2, 2)), sent(3, place=Place(E2, 3))]
    assert counts(journal(old, informed)) == {"declared": 2}


def test_recovered_false_does_not_declare_the_loss_of_later_messages() -> None:
    informed = reading(delivery(1), declared=[Declared(E2, 1, 1.5, "1")])
    assert counts(journal([sent(1), sent(2, place=Place(E2, 2))], informed)) == {"lost": 1}


def test_resync_declares_the_loss_of_messages_sent_before_it() -> None:
    informed = reading(delivery(3), declared=[Declared("", 0, 1.5, "1")])
    assert counts(journal([sent(1), sent(2), sent(3)], informed)) == {"declared": 1, "lost": 1}


def test_a_declared_loss_is_a_failure_without_may_declare() -> None:
    found = journal([sent(1), sent(2)], reading(delivery(2), declared=[Declared("", 0, 1.5, "1")]))
    assert judge(found, may_declare=True).failures == []
    assert judge(found, may_declare=False).failures == ["declared: 1"]


def test_a_declaration_to_one_reader_does_not_cover_another_reader() -> None:
    informed = reading(delivery(2), declared=[Declared("", 0, 1.5, "1")])
    uninformed = reading(delivery(2), reader="s")
    assert counts(journal([sent(1), sent(2)], informed, uninformed)) == {"declared": 1, "lost": 1}


def test_one_message_at_two_places_of_an_epoch_is_a_duplicate() -> None:
    found = journal([sent(1)], reading(delivery(1), repeats=[delivery(1, Place(E1, 2))]))
    assert counts(found) == {"duplicates": 1}


def test_a_message_at_places_in_two_epochs_is_not_a_duplicate() -> None:
    found = journal([sent(1)], reading(delivery(1), repeats=[delivery(1, Place(E2, 1))]))
    assert counts(found) == {}


def test_a_message_delivered_twice_is_a_duplicate() -> None:
    found = journal([sent(1)], reading(delivery(1), delivery(1, Place(E1, 1))))
    assert counts(found)["duplicates"] == 1


def test_on_one_connection_a_repeat_is_a_duplicate_and_a_lower_seq_is_an_inversion() -> None:
    repeat = Disorder(ROOM, "2", Place(E1, 5), 5, repeat=True)
    back = Disorder(ROOM, "2", Place(E1, 4), 5, repeat=False)
    verdict = judge(journal([sent(1)], reading(delivery(1), disorders=[repeat, back])), may_declare=True)
    assert dict(verdict.per_node["2"]) == {"duplicates": 1, "inversions": 1}


def test_deliveries_in_descending_seq_are_inversions() -> None:
    assert counts(journal([sent(1), sent(2)], reading(delivery(2), delivery(1)))) == {"inversions": 1}


def test_history_pages_that_are_read_backwards_are_not_inversions() -> None:
    found = reading(delivery(3), delivery(2, via="history"), delivery(1, via="history"), delivery(4))
    assert counts(journal([sent(n) for n in (1, 2, 3, 4)], found)) == {}


def test_a_lower_seq_in_a_new_epoch_is_not_an_inversion() -> None:
    found = reading(delivery(1, Place(E1, 9)), delivery(2, Place(E2, 1)))
    assert counts(journal([sent(1), sent(2)], found)) == {}


def test_two_messages_at_one_place_are_a_disagreement() -> None:
    one, other = reading(delivery(1, Place(E1, 1))), reading(delivery(2, Place(E1, 1)), reader="s")
    found = journal([sent(1, acked=False), sent(2, acked=False), sent(3)], one, other)
    assert counts(found)["disagreements"] == 1


def test_a_run_without_acks_fails() -> None:
    verdict = judge(journal([sent(1, acked=False)], reading(delivery(1))), may_declare=True)
    assert verdict.failures == ["no message was acked: there is nothing to judge"]


def test_the_number_of_examples_is_bounded() -> None:
    verdict = judge(journal([sent(n) for n in range(1, 100)], reading()), may_declare=True)
    assert verdict.counts["lost"] == 99
    assert len(verdict.examples) == 20


def test_a_run_is_complete_when_every_reader_has_the_last_acked_message_of_each_writer() -> None:
    messages = [sent(1), sent(2), sent(3, acked=False)]
    waiting = journal(messages, reading(delivery(1)))
    assert [(who.reader, what.counter) for who, what in incomplete(waiting)] == [("r", 2)]
    assert incomplete(journal(messages, reading(delivery(2)))) == []


def test_a_run_is_complete_if_the_loss_of_each_missing_message_was_declared() -> None:
    assert incomplete(journal([sent(1)], reading(declared=[Declared("", 0, 5.0, "1")]))) == []
