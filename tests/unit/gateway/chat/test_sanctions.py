"""A gateway drops its copies of mutes, bans and block lists when these change in Redis, even during a read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from roomcast.gateway.chat import sanctions as module
from roomcast.gateway.chat.sanctions import Sanctions
from roomcast.gateway.stores.moderation import RoomSanctions, UserSanctions

ROOM = "team"


class Store:
    """A store without sanctions at first. `before_reply` runs between a read and its reply."""

    def __init__(self) -> None:
        self.banned: set[str] = set()
        self.blocked: set[str] = set()
        self.reads = 0
        self.before_reply: Callable[[], None] = lambda: None

    def _read(self) -> tuple[set[str], set[str]]:
        seen = set(self.banned), set(self.blocked)
        self.reads += 1
        self.before_reply()
        return seen

    async def room(self, room: str) -> RoomSanctions:
        return RoomSanctions({}, dict.fromkeys(self._read()[0], 0), 0)

    async def user(self, user: str) -> UserSanctions:
        return UserSanctions(None, 0 if user in self._read()[0] else None)

    async def block_lists(self, users: Sequence[str]) -> list[frozenset[str]]:
        return [frozenset(self._read()[1]) for _ in users]


class Rig:
    """Sanctions over the store."""

    def __init__(self) -> None:
        self.store = Store()
        self.sanctions = Sanctions(cast("Any", self.store), lambda: 0.0)


@pytest.fixture
def rig() -> Rig:
    return Rig()


CHECKS: dict[str, Callable[[Sanctions], Any]] = {
    "room": lambda sanctions: sanctions.is_banned("eve", ROOM),
    "user": lambda sanctions: sanctions.is_banned_everywhere("eve"),
    "list": lambda sanctions: _is_blocked(sanctions),
    "hidden": lambda sanctions: _is_hidden(sanctions),
}


async def _is_blocked(sanctions: Sanctions) -> bool:
    return "eve" in await sanctions.blocked_by("ada")


async def _is_hidden(sanctions: Sanctions) -> bool:
    return "ada" in await sanctions.hidden_from("eve", ["ada"])


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
@pytest.mark.parametrize("is_all", [True, False])
async def test_a_change_while_a_copy_is_read_is_found_by_the_next_check(
    rig: Rig, check: Callable[[Sanctions], Any], is_all: bool
) -> None:
    def sanction() -> None:
        rig.store.before_reply = lambda: None
        rig.store.banned.add("eve")
        rig.store.blocked.add("eve")
        if is_all:
            rig.sanctions.forget_all()
        else:
            rig.sanctions.forget(ROOM, "eve")
            rig.sanctions.forget("", "ada")

    rig.store.before_reply = sanction
    await check(rig.sanctions)
    assert await check(rig.sanctions) is True


async def test_a_copy_is_read_once(rig: Rig) -> None:
    for _ in range(3):
        assert not await rig.sanctions.is_banned("eve", ROOM)
    assert rig.store.reads == 1


async def test_the_names_in_all_copies_share_one_bound(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound on the number of copies alone would allow gigabytes, so the names in all copies are counted."""
    monkeypatch.setattr(module, "_MAX_NAMES", 50)
    rig.store.banned = {f"user{number}" for number in range(9)}
    for _ in range(3):
        for room in ("a", "b", "c", "d", "e"):
            await rig.sanctions.of_room(room)
        assert rig.store.reads == 5, "each copy has ten names"
        rig.sanctions.forget("a", "")
        await rig.sanctions.of_room("a")
        rig.store.reads -= 1
    await rig.sanctions.of_room("f")
    await rig.sanctions.of_room("a")
    assert rig.store.reads == 7, "the sixth copy replaced all others"
    await rig.sanctions.of_room("f")
    assert rig.store.reads == 7


async def test_a_change_of_one_user_during_a_read_does_not_discard_copies_of_other_users(rig: Rig) -> None:
    rig.store.before_reply = lambda: rig.sanctions.forget("", "eve")
    for _ in range(2):
        await rig.sanctions.of_room(ROOM)
        await rig.sanctions.of_user("ada")
        await rig.sanctions.blocked_by("ada")
        await rig.sanctions.hidden_from("bob", ["ada"])
    assert rig.store.reads == 4


async def test_many_block_lists_do_not_replace_copies_of_rooms_and_users(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_COPIES", 10)
    await rig.sanctions.of_room(ROOM)
    await rig.sanctions.of_user("ada")
    for number in range(30):
        await rig.sanctions.hidden_from("eve", [f"invented{number}"])
    reads = rig.store.reads
    await rig.sanctions.of_room(ROOM)
    await rig.sanctions.of_user("ada")
    assert rig.store.reads == reads
    assert len(rig.sanctions._blocked) <= 10
