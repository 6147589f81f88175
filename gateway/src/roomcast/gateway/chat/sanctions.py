"""Know who may not write or enter: one gateway's copy of mutes, bans, slow modes and block lists.

A copy is read when it is first needed. It is dropped when a control message says that it changed, and when it may have
changed while this gateway was not subscribed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, TypeVar

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.ids import other_person
from roomcast.gateway.stores.moderation import ModerationStore, RoomSanctions, UserSanctions

_MAX_COPIES: Final = 20_000
Copy = TypeVar("Copy")


class Sanctions:
    """The sanctions of the rooms and users of one gateway. `now_ms` is Redis's clock, as this gateway knows it."""

    def __init__(self, store: ModerationStore, now_ms: Callable[[], float]) -> None:
        self._store = store
        self._now_ms = now_ms
        self._rooms: dict[str, RoomSanctions] = {}
        self._users: dict[str, UserSanctions] = {}
        self._blocked: dict[str, frozenset[str]] = {}
        self._changes = 0
        """Counts what was forgotten: a copy that was read before is not kept after."""

    # --- what is known ---

    def is_unrestricted(self, user: str, room: str) -> bool:
        """Return whether it is known, without a look, that the user may write here as fast as limits allow."""
        in_room, everywhere = self._rooms.get(room), self._users.get(user)
        if in_room is None or everywhere is None or in_room.slow_seconds:
            return False
        if user in in_room.muted or everywhere.muted_until is not None:
            return False
        other = other_person(room, user)
        return other is None or self._are_open(user, other)

    def _are_open(self, user: str, other: str) -> bool:
        """Return whether it is known that neither blocks the other."""
        own, others = self._blocked.get(user), self._blocked.get(other)
        return own is not None and others is not None and other not in own and user not in others

    async def require_voice(self, user: str, room: str) -> None:
        """Raise MUTED for a user who may not write in the room now."""
        in_room, everywhere = await self.of_room(room), await self.of_user(user)
        if self._is_in_force(in_room.muted.get(user)) or self._is_in_force(everywhere.muted_until):
            raise RoomcastError(Code.MUTED)
        other = other_person(room, user)
        if other is not None and (user in await self.blocked_by(other) or other in await self.blocked_by(user)):
            raise RoomcastError(Code.FORBIDDEN)

    async def take_turn(self, user: str, room: str) -> None:
        """Raise RATE_LIMITED for a user whose last message in a slow room was too short a time ago."""
        seconds = (await self.of_room(room)).slow_seconds
        if seconds and (wait := await self._store.take_turn(room, user, seconds)):
            raise RoomcastError(Code.RATE_LIMITED, "the room is slow", retry_after=wait)

    async def is_banned(self, user: str, room: str) -> bool:
        """Return whether the user is banned from the room."""
        return self._is_in_force((await self.of_room(room)).banned.get(user))

    async def is_banned_everywhere(self, user: str) -> bool:
        """Return whether the user may not sign in."""
        return self._is_in_force((await self.of_user(user)).banned_until)

    async def hidden_from(self, watcher: str, users: Collection[str]) -> set[str]:
        """Return those of `users` who block the watcher, or whom the watcher blocks, in one round trip."""
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
        """Drop the copies of a room and of a user: they have changed."""
        self._changes += 1
        self._rooms.pop(room, None)
        self._users.pop(user, None)
        self._blocked.pop(user, None)

    def forget_all(self) -> None:
        """Drop every copy: changes may have been missed."""
        self._changes += 1
        self._rooms.clear()
        self._users.clear()
        self._blocked.clear()

    def _keep(self, copies: dict[str, Copy], name: str, copy: Copy, changes: int) -> None:
        """Keep a copy, unless something has changed since it was asked for."""
        if changes != self._changes:
            return
        if len(copies) >= _MAX_COPIES:
            copies.clear()
        copies[name] = copy
