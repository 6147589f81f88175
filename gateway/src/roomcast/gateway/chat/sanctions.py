"""One gateway's copies of mutes, bans, slow modes and block lists, to check who may write or enter.

The gateway reads a copy when it is first needed. It drops a copy when a control message announces a change, and all
copies when it may have missed such messages while it was not subscribed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, TypeVar

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.ids import other_person
from roomcast.gateway.stores.moderation import ModerationStore, RoomSanctions, UserSanctions

_MAX_COPIES: Final = 20_000
_MAX_NAMES: Final = 200_000
"""Bound on the user ids in all copies together (about 30 MB), because one room may have a thousand sanctions."""
Copy = TypeVar("Copy")


class Sanctions:
    """The sanctions of the rooms and users of one gateway. `now_ms` returns the time by Redis's clock."""

    def __init__(self, store: ModerationStore, now_ms: Callable[[], float]) -> None:
        self._store = store
        self._now_ms = now_ms
        self._rooms: dict[str, RoomSanctions] = {}
        self._users: dict[str, UserSanctions] = {}
        self._blocked: dict[str, frozenset[str]] = {}
        self._changes = 0
        """The number of times that copies were dropped. A copy whose read began before a drop is not kept."""
        self._names = 0
        """The number of users named in all copies, plus the number of copies."""

    # --- checks ---

    def is_unrestricted(self, user: str, room: str) -> bool:
        """Return whether the copies show that no sanction limits the user's messages in the room; never reads Redis."""
        in_room, everywhere = self._rooms.get(room), self._users.get(user)
        if in_room is None or everywhere is None or in_room.slow_seconds:
            return False
        if user in in_room.muted or everywhere.muted_until is not None:
            return False
        other = other_person(room, user)
        return other is None or self._are_open(user, other)

    def _are_open(self, user: str, other: str) -> bool:
        """Return whether the copies show that neither user blocks the other."""
        own, others = self._blocked.get(user), self._blocked.get(other)
        return own is not None and others is not None and other not in own and user not in others

    async def require_voice(self, user: str, room: str) -> None:
        """Raise MUTED for a muted user, and FORBIDDEN in a direct room if one person has blocked the other."""
        in_room, everywhere = await self.of_room(room), await self.of_user(user)
        if self._is_in_force(in_room.muted.get(user)) or self._is_in_force(everywhere.muted_until):
            raise RoomcastError(Code.MUTED)
        other = other_person(room, user)
        if other is not None and (user in await self.blocked_by(other) or other in await self.blocked_by(user)):
            raise RoomcastError(Code.FORBIDDEN)

    async def take_turn(self, user: str, room: str) -> None:
        """Raise RATE_LIMITED if the room has slow mode and the user's last message is too recent."""
        seconds = (await self.of_room(room)).slow_seconds
        if seconds and (wait := await self._store.take_turn(room, user, seconds)):
            raise RoomcastError(Code.RATE_LIMITED, "the room is in slow mode", retry_after=wait)

    async def is_banned(self, user: str, room: str) -> bool:
        """Return whether the user is banned from the room."""
        return self._is_in_force((await self.of_room(room)).banned.get(user))

    async def is_banned_everywhere(self, user: str) -> bool:
        """Return whether the user is banned everywhere, and so may not sign in."""
        return self._is_in_force((await self.of_user(user)).banned_until)

    async def hidden_from(self, watcher: str, users: Collection[str]) -> set[str]:
        """Return the users in `users` who block the watcher or are blocked by the watcher; one round trip at most."""
        unknown = [user for user in {*users, watcher} if user not in self._blocked]
        lists = {user: self._blocked[user] for user in {*users, watcher}.difference(unknown)}
        if unknown:
            changes = self._changes
            lists |= dict(zip(unknown, await self._store.block_lists(unknown), strict=True))
            for user in unknown:
                self._keep(self._blocked, user, lists[user], changes)
        return {user for user in users if watcher in lists[user] or user in lists[watcher]}

    def _is_in_force(self, until_ms: int | None) -> bool:
        return until_ms is not None and (until_ms == 0 or until_ms > self._now_ms())

    # --- copies ---

    async def of_room(self, room: str) -> RoomSanctions:
        """Return the sanctions of a room."""
        found = self._rooms.get(room)
        if found is None:
            changes = self._changes
            found = await self._store.room(room)
            self._keep(self._rooms, room, found, changes)
        return found

    async def of_user(self, user: str) -> UserSanctions:
        """Return the sanctions of a user everywhere."""
        found = self._users.get(user)
        if found is None:
            changes = self._changes
            found = await self._store.user(user)
            self._keep(self._users, user, found, changes)
        return found

    async def blocked_by(self, user: str) -> frozenset[str]:
        """Return the block list of a user."""
        found = self._blocked.get(user)
        if found is None:
            changes = self._changes
            [found] = await self._store.block_lists([user])
            self._keep(self._blocked, user, found, changes)
        return found

    def forget(self, room: str, user: str) -> None:
        """Drop the copies of a room and of a user, after a change."""
        self._changes += 1
        for copy in (self._rooms.pop(room, None), self._users.pop(user, None), self._blocked.pop(user, None)):
            self._names -= _names_in(copy)

    def forget_all(self) -> None:
        """Drop every copy, because the gateway may have missed changes."""
        self._changes += 1
        self._drop_all()

    def _drop_all(self) -> None:
        self._rooms.clear()
        self._users.clear()
        self._blocked.clear()
        self._names = 0

    def _keep(self, copies: dict[str, Copy], name: str, copy: Copy, changes: int) -> None:
        """Keep a copy, unless copies were dropped since its read began."""
        if changes != self._changes:
            return
        names = _names_in(copy)
        if len(copies) >= _MAX_COPIES or self._names + names > _MAX_NAMES:
            self._drop_all()
        self._names += names - _names_in(copies.get(name))
        copies[name] = copy


def _names_in(copy: object) -> int:
    """Return the number of users that a copy names, plus one; 0 for None."""
    if copy is None:
        return 0
    if isinstance(copy, RoomSanctions):
        return 1 + len(copy.muted) + len(copy.banned)
    return 1 + len(copy) if isinstance(copy, frozenset) else 1
