"""A block hides two people from each other in their direct room, with fakes for presence, sanctions and rooms."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.presence import Typing
from roomcast.contract.ids import direct_room, people_of
from roomcast.gateway.chat.block_effects import BlockEffects
from roomcast.gateway.sign_in.session import ChatSession
from tests.unit.gateway.fakes import session_of, unavailable


class Rig:
    """Twenty direct rooms of `ada`, each with another person. `apart` are the rooms in which a block is in force."""

    def __init__(self) -> None:
        self.rooms = [direct_room("ada", f"user{number}") for number in range(20)]
        self.lists: dict[str, set[str]] = {"ada": set()}
        self.apart: set[str] = set()
        self.updated: list[str] = []
        self.refusal: RoomcastError | None = None
        self.typing: list[str] = []
        fake: Any = self
        self.block_effects = BlockEffects(fake, fake, fake)

    def watches_of(self, user: str) -> list[Any]:
        return []

    def direct_rooms(self, user: str) -> list[str]:
        return self.rooms

    def apart_rooms(self, user: str) -> set[str]:
        return self.apart

    async def blocked_by(self, user: str) -> frozenset[str]:
        return frozenset(self.lists[user])

    async def hidden_from(self, watcher: str, users: Collection[str]) -> set[str]:
        return {user for user in users if user in self.lists[watcher] or watcher in self.lists.get(user, ())}

    async def keep_apart(self, room: str, *, is_apart: bool) -> None:
        self.updated.append(room)
        self.apart = self.apart | {room} if is_apart else self.apart - {room}

    def is_unrestricted(self, user: str, room: str) -> bool:
        return False

    async def require_voice(self, user: str, room: str) -> None:
        if self.refusal is not None:
            raise self.refusal

    async def send_typing(self, session: ChatSession, p: Typing) -> dict[str, Any]:
        self.typing.append(session.user)
        return {}


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_only_the_direct_rooms_of_changed_blocks_are_updated(rig: Rig) -> None:
    rig.lists["ada"] = {f"user{number}" for number in range(15)}
    await rig.block_effects.apply_blocks("ada")
    assert rig.apart == set(rig.rooms[:15])
    rig.updated.clear()

    rig.lists["ada"].add("user15")
    await rig.block_effects.apply_blocks("ada")
    rig.lists["ada"].remove("user0")
    await rig.block_effects.apply_blocks("ada")
    assert rig.updated == [rig.rooms[15], rig.rooms[0]]
    assert rig.apart == set(rig.rooms[1:16])


async def test_two_people_stay_hidden_from_each_other_while_one_of_them_blocks_the_other(rig: Rig) -> None:
    rig.lists |= {"ada": {"user1"}, "user1": {"ada"}}
    await rig.block_effects.apply_blocks("ada")
    for user in ("ada", "user1"):
        assert {people_of(room) for room in rig.apart} == {("ada", "user1")}
        rig.lists[user].clear()
        await rig.block_effects.apply_blocks("ada")
    assert rig.apart == set()


TYPING = Typing(room="team:red", typing=True)


@pytest.mark.parametrize("code", [Code.MUTED, Code.FORBIDDEN])
async def test_typing_of_a_silenced_user_is_dropped_and_that_of_an_operator_is_forwarded(rig: Rig, code: Code) -> None:
    rig.refusal = RoomcastError(code)
    assert await rig.block_effects.send_typing(session_of("ada"), TYPING) == {}
    assert rig.typing == []
    await rig.block_effects.send_typing(session_of("olga", ops=True), TYPING)
    assert rig.typing == ["olga"]


async def test_typing_is_refused_as_unavailable_while_redis_does_not_answer(rig: Rig) -> None:
    rig.refusal = unavailable()
    with pytest.raises(RoomcastError) as refused:
        await rig.block_effects.send_typing(session_of("ada"), TYPING)
    assert refused.value.code is Code.UNAVAILABLE
    assert rig.typing == []
