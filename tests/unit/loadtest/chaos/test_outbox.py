"""The outbox of a chaos client."""

from __future__ import annotations

from loadtest.chaos.journal import Sent
from loadtest.chaos.outbox import Outbox


def outbox(*names: str) -> Outbox:
    made = Outbox(is_open=True)
    for name in names:
        made.add(Sent(name, "room", "w", 1, 0.0, ""))
    return made


def names(taken: list[Sent]) -> list[str]:
    return [sent.id for sent in taken]


def test_a_message_is_sent_again_only_after_a_negative_ack() -> None:
    made = outbox("a", "b")
    assert names(made.take()) == ["a", "b"]
    assert made.take() == []
    made.answered("a", acked=True)
    made.answered("b", acked=False)
    assert names(made.take()) == ["b"]


def test_the_outbox_sends_no_message_before_the_join_or_during_a_pause() -> None:
    made = outbox("a")
    made.paused = True
    assert made.take() == []
    made.cut()
    assert made.take() == []
    made.is_open = True
    assert names(made.take()) == ["a"]
