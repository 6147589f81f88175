"""The rights to enter, moderate and create rooms."""

from __future__ import annotations

from typing import Any

import pytest

from roomcast.contract.errors import Code, RoomcastError
from roomcast.gateway.chat.room_access import RoomAccess
from tests.unit.gateway.fakes import no_user_is_banned, session_of


class Roles:
    """Stored memberships."""

    def __init__(self, **roles: str) -> None:
        self.roles = roles

    async def read_role(self, room: str, user: str) -> str | None:
        return self.roles.get(user) if room == "team" else None


ROLES = Roles(ada="owner", max="admin", bob="member")


@pytest.mark.parametrize(
    ("user", "room", "may"),
    [
        ("ada", "team", True),
        ("bob", "team", True),
        ("eve", "team", False),
        ("eve", "public:x", True),
        ("eve", "public:", False),
        ("ada", "dm:ada:bob", True),
        ("eve", "dm:ada:bob", False),
        ("ada", "dm:bob:ada", False),
    ],
)
async def test_which_users_may_enter_which_rooms(user: str, room: str, may: bool) -> None:
    assert await RoomAccess(ROLES, no_user_is_banned).may_enter(session_of(user), room) is may


async def test_the_rooms_claim_of_a_token_allows_stored_rooms_but_no_direct_rooms() -> None:
    access = RoomAccess(ROLES, no_user_is_banned)
    assert await access.may_enter(session_of("eve", rooms=("te*",)), "team")
    assert not await access.may_enter(session_of("eve", rooms=("*",)), "dm:ada:bob")


async def test_entry_to_a_joined_room_is_not_checked_again() -> None:
    await RoomAccess(Roles(), no_user_is_banned).require_entry(session_of("eve", "team"), "team")
    with pytest.raises(RoomcastError) as caught:
        await RoomAccess(Roles(), no_user_is_banned).require_entry(session_of("eve"), "team")
    assert caught.value.code is Code.FORBIDDEN


@pytest.mark.parametrize(("room", "says"), [("team", "`rooms`"), ("none", "`rooms`"), ("dm:bob:ada", "sorted")])
async def test_the_detail_of_a_refusal_tells_what_would_allow_entry(room: str, says: str) -> None:
    with pytest.raises(RoomcastError) as caught:
        await RoomAccess(ROLES, no_user_is_banned).require_entry(session_of("eve"), room)
    assert caught.value.code is Code.FORBIDDEN
    assert says in caught.value.detail


async def test_a_ban_applies_to_all_users_except_operators() -> None:
    async def is_banned(user: str, room: str) -> bool:
        return room in ("team", "public:x")

    access = RoomAccess(ROLES, is_banned)
    assert not await access.may_enter(session_of("ada"), "team")
    assert not await access.may_enter(session_of("ada"), "public:x")
    assert await access.may_enter(session_of("ada"), "public:y")
    assert await access.may_enter(session_of("eve", ops=True), "public:x")


@pytest.mark.parametrize(
    ("user", "claims", "room", "may"),
    [
        ("ada", {}, "team", True),
        ("max", {}, "team", True),
        ("bob", {}, "team", False),
        ("eve", {"ops": True}, "team", True),
        ("eve", {"ops": True}, "public:x", True),
        ("ada", {}, "public:x", False),
        ("ada", {}, "dm:ada:bob", False),
        ("eve", {"rooms": ("team",)}, "team", False),
    ],
)
async def test_only_moderators_may_change_memberships(user: str, claims: dict[str, Any], room: str, may: bool) -> None:
    session = session_of(user, **claims)
    if may:
        await RoomAccess(ROLES, no_user_is_banned).require_moderator(session, room)
    else:
        with pytest.raises(RoomcastError) as caught:
            await RoomAccess(ROLES, no_user_is_banned).require_moderator(session, room)
        assert caught.value.code is Code.FORBIDDEN


@pytest.mark.parametrize(
    ("claims", "room", "kind", "may"),
    [
        ({}, "team:1", "private", False),
        ({}, "club:1", "private", True),
        ({"create": ("team:*",)}, "team:1", "private", True),
        ({"create": ("team:*",)}, "team:1", "public", True),
        ({"create": ("team:*",)}, "other", "private", False),
        ({"create": ("*",)}, "public:x", "public", False),
        ({"create": ("*",)}, "public:", "public", False),
        ({"create": ("*",)}, "public:x", "private", False),
        ({"create": ("*",)}, "dm:a:b", "private", False),
        ({"create": ("*",), "rooms": ("team:*",)}, "team:1", "private", False),
        ({"create": ("*",), "rooms": ("team:*",)}, "club:1", "private", True),
        ({"ops": True}, "anything", "private", True),
        ({"ops": True}, "public:x", "public", True),
        ({"ops": True}, "public:x", "private", False),
        ({"ops": True}, "dm:a:b", "private", False),
    ],
    ids=str,
)
def test_the_create_claim_decides_which_rooms_a_user_may_create(
    claims: dict[str, Any], room: str, kind: str, may: bool
) -> None:
    access, session = RoomAccess(ROLES, no_user_is_banned, ["club:*"]), session_of("eve", **claims)
    if may:
        access.require_creation(session, room, kind)
    else:
        with pytest.raises(RoomcastError) as caught:
            access.require_creation(session, room, kind)
        assert caught.value.code is Code.FORBIDDEN


async def test_a_banned_admin_no_longer_moderates() -> None:
    async def is_banned(user: str, room: str) -> bool:
        return (user, room) == ("max", "team")

    access = RoomAccess(ROLES, is_banned)
    assert not await access.is_moderator(session_of("max"), "team")
    with pytest.raises(RoomcastError, match="forbidden"):
        await access.require_moderator(session_of("max"), "team")
    assert await access.is_moderator(session_of("ada"), "team")
    assert await access.is_moderator(session_of("max", ops=True), "team")
