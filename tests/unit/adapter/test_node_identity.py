"""The node name of a process: given or random, unique or taken by an older process."""

from __future__ import annotations

import pytest

from roomcast.adapter import node_identity
from roomcast.adapter.node_identity import DuplicateNodeError, NodeIdentity


@pytest.mark.parametrize("name", ["", "a.b", "a b", "x" * 17, "1\n"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="1 to 16 characters"):
        NodeIdentity(name, is_leased=False)


@pytest.mark.parametrize(
    ("given", "is_leased", "must_claim"), [("7", False, True), ("7", True, False), (None, False, False)]
)
def test_only_a_given_name_without_a_lease_must_be_claimed(
    given: str | None, is_leased: bool, must_claim: bool
) -> None:
    assert NodeIdentity(given, is_leased=is_leased).must_claim is must_claim


def test_every_choice_has_a_new_incarnation_and_without_a_given_name_a_new_name() -> None:
    given, random = NodeIdentity("7", is_leased=False), NodeIdentity(None, is_leased=False)
    before = (given.incarnation, random.name)
    given.choose()
    random.choose()
    assert given.name == "7"
    assert given.incarnation != before[0]
    assert random.name != before[1]
    assert random.new_session_id().startswith(f"g{random.name}.")


async def test_a_process_that_gave_way_is_a_duplicate_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    identity = NodeIdentity("7", is_leased=False)
    identity.check()
    identity.give_way()
    with pytest.raises(DuplicateNodeError, match="node name 7"):
        identity.check()
    monkeypatch.setattr(node_identity, "DEAF_SECONDS", 0.0)
    identity.give_way()
    identity.check()


async def test_a_leased_name_never_gives_way() -> None:
    identity = NodeIdentity("7", is_leased=True)
    identity.give_way()
    assert not identity.is_duplicate
