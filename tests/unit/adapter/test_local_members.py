"""The sessions of one node, with their namespaces and rooms."""

import pytest

from roomcast.adapter.local_members import Client, LocalMembers


@pytest.fixture
def members() -> LocalMembers:
    members = LocalMembers()
    for number in (1, 2):
        assert members.add("/", Client(f"s{number}", f"e{number}", None))
    return members


def test_a_session_enters_a_namespace_once(members: LocalMembers) -> None:
    assert not members.add("/", Client("again", "e1", None))
    assert members.add("/other", Client("s1b", "e1", None))


def test_enter_and_leave_return_whether_they_changed_the_members(members: LocalMembers) -> None:
    assert members.enter("/", "s1", "r")
    assert not members.enter("/", "s1", "r")
    assert set(members.room("/", "r")) == {"s1"}
    assert members.has_room("r")
    assert members.leave("/", "s1", "r")
    assert not members.leave("/", "s1", "r")
    assert not members.has_room("r")


def test_an_unknown_session_cannot_enter_a_room(members: LocalMembers) -> None:
    with pytest.raises(ValueError, match="not connected"):
        members.enter("/", "unknown", "r")


def test_a_session_that_disconnects_leaves_all_rooms(members: LocalMembers) -> None:
    for room in ("a", "b"):
        members.enter("/", "s1", room)
        members.enter("/", "s2", room)
    assert sorted(members.remove("/", "s1")) == ["a", "b"]
    assert set(members.room("/", "a")) == {"s2"}
    assert members.client_of("/", "e1") is None
    assert members.remove("/", "s1") == []


def test_an_empty_namespace_is_removed(members: LocalMembers) -> None:
    members.remove("/", "s1")
    members.remove("/", "s2")
    assert members.namespaces == {}
