"""One gateway's copies of mutes, bans, slow modes and block lists, to check who may write or enter.

The gateway reads a copy when it is first needed. It drops a copy when a control message announces a change, and all
copies when it may have missed such messages while it was not subscribed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Final, TypeVar

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.ids import other_person
from roomcast.gateway.stores.moderation import ModerationStore, RoomSanctions, UserSanctions

_MAX_COPIES: Final = 20_000
_MAX_NAMES: Final = 100_000
"""Bound on the user ids in all copies of one kind (about 15 MB), because one room may have a thousand sanctions."""
_MAX_CHANGED: Final = 1_000
"""Bound on the names whose last change a `_Copies` remembers. Above the bound, all names count as changed, so that
`keep` drops every copy whose read began earlier."""
Copy = TypeVar("Copy")


class _Copies(dict[str, Copy]):
    """Copies by the name of their room or user. If there are too many, all copies of this kind are dropped."""

    def __init__(self) -> None:
        super().__init__()
        self.changes = 0
        """The number of changes so far. Pass it to `keep` with a copy whose read begins now."""
        self._changed: dict[str, int] = {}
        """Name -> the number of its last change, for changes after `_all_changed`."""
        self._all_changed = 0
        """The number of the last change that counts as a change of every name."""
        self._names = 0
        """The number of users named in the copies, plus the number of copies."""

    async def get_or_read(self, name: str, read: Callable[[str], Awaitable[Copy]]) -> Copy:
        """Return the copy of a name. Without a copy, read it and keep it."""
        found = self.get(name)
        if found is None:
            changes = self.changes
            found = await read(name)
            self.keep(name, found, changes)
        return found

    def keep(self, name: str, copy: Copy, changes: int) -> None:
        """Keep a copy, unless its name has changed since the copy's read began."""
        if max(self._all_changed, self._changed.get(name, 0)) > changes:
            return
        self._drop(name)
        names = _names_in(copy)
        if len(self) >= _MAX_COPIES or self._names + names > _MAX_NAMES:
            self._drop_all()
        self._names += names
        self[name] = copy

    def forget(self, name: str) -> None:
        """Drop the copy of a name after a change."""
        self._drop(name)
        self.changes += 1
        if len(self._changed) >= _MAX_CHANGED:
            self._change_all()
        self._changed[name] = self.changes

    def forget_all(self) -> None:
        """Drop every copy."""
        self._drop_all()
        self.changes += 1
        self._change_all()

    def _change_all(self) -> None:
        self._all_changed = self.changes
        self._changed.clear()

    def _drop(self, name: str) -> None:
        self._names -= _names_in(self.pop(name, None))

    def _drop_all(self) -> None:
        self.clear()
        self._names = 0


class Sanctions:
    """The sanctions of the rooms and users of one gateway. `now_ms` returns the time by Redis's clock."""

    def __init__(self, store: ModerationStore, now_ms: Callable[[], float]) -> None:
        self._store = store
        self._now_ms = now_ms
        self._rooms: _Copies[RoomSanctions] = _Copies()
        self._users: _Copies[UserSanctions] = _Copies()
        self._blocked: _Copies[frozenset[str]] = _Copies()

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
            changes = self._blocked.changes
            lists |= dict(zip(unknown, await self._store.block_lists(unknown), strict=True))
            for user in unknown:
                self._blocked.keep(user, lists[user], changes)
        return {user for user in users if watcher in lists[user] or user in lists[watcher]}

    def _is_in_force(self, until_ms: int | None) -> bool:
        return until_ms is not None and (until_ms == 0 or until_ms > self._now_ms())

    # --- copies ---

    async def of_room(self, room: str) -> RoomSanctions:
        """Return the sanctions of a room."""
        return await self._rooms.get_or_read(room, self._store.room)

    async def of_user(self, user: str) -> UserSanctions:
        """Return the sanctions of a user everywhere."""
        return await self._users.get_or_read(user, self._store.user)

    async def blocked_by(self, user: str) -> frozenset[str]:
        """Return the block list of a user."""
        return await self._blocked.get_or_read(user, self._read_block_list)

    async def _read_block_list(self, user: str) -> frozenset[str]:
        [found] = await self._store.block_lists([user])
        return found

    def forget(self, room: str, user: str) -> None:
        """Drop the copies of a room and of a user, after a change."""
        self._rooms.forget(room)
        self._users.forget(user)
        self._blocked.forget(user)

    def forget_all(self) -> None:
        """Drop every copy, because the gateway may have missed changes."""
        self._rooms.forget_all()
        self._users.forget_all()
        self._blocked.forget_all()


def _names_in(copy: object) -> int:
    """Return the number of users that a copy names, plus one; 0 for None."""
    if copy is None:
        return 0
    if isinstance(copy, RoomSanctions):
        return 1 + len(copy.muted) + len(copy.banned)
    return 1 + len(copy) if isinstance(copy, frozenset) else 1
