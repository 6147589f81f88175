"""Read and write the profiles of users: names, pictures, and data of the application."""

from __future__ import annotations

from typing import Any

from roomcast.contract import keys
from roomcast.contract.backend.redis_link import RedisLink, check_ids
from roomcast.contract.directory import entry_of
from roomcast.contract.envelope import ProfileChanged
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.profile import FIELDS, MAX_PEOPLE, PROFILE_SECONDS, Profile, changed_fields, read_profile


class People(RedisLink):
    """The methods of `Backend` that read and write profiles."""

    async def profile(self, user: str) -> Profile:
        """Return the profile of a user. Raise NOT_FOUND for an unknown user."""
        check_ids(None, user)
        found = read_profile(user, await self._call("HMGET", keys.user_person(user), *FIELDS))
        if found is None:
            raise RoomcastError(Code.NOT_FOUND, "no such user")
        return found

    async def set_profile(
        self, user: str, *, name: str | None = None, picture: str | None = None, data: dict[str, Any] | None = None
    ) -> None:
        """Change the profile of a user, on every gateway within seconds. An unknown user becomes known.

        None does not change a field. An empty picture or object deletes the stored one. If the user's token has the
        claims `name`, `picture` or `data`, they replace these fields again at the next sign-in. Raise BAD_REQUEST or
        TOO_LARGE.
        """
        check_ids(None, user)
        args: tuple[bytes | str | int, ...] = (user, PROFILE_SECONDS, *changed_fields(name, picture, data))
        before, now, _ = await self._script("user_person", (keys.user_person(user),), args)
        if before != now:
            old = entry_of(before.decode(), user) if before else ""
            await self._script("room_listing", (keys.PEOPLE,), (old, entry_of(now.decode(), user), MAX_PEOPLE))
        await self._control(ProfileChanged(user))
