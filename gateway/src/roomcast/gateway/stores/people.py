"""Profiles in Redis, and the directory of people by name."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from roomcast.contract import keys
from roomcast.contract.directory import entry_of, id_of, range_of
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.profile import FIELDS, MAX_PEOPLE, PROFILE_SECONDS, Profile, changed_fields, read_profile
from roomcast.gateway.sign_in.identity import Identity
from roomcast.gateway.stores.redis_port import RedisPort, Scripts, translated

_NAME: Final = "name"


class PeopleStore:
    """The profiles of people. Raises RoomcastError when Redis fails."""

    def __init__(self, scripts: Scripts) -> None:
        self._redis = RedisPort(scripts)

    async def note_sign_in(self, identity: Identity) -> bool:
        """Store the profile fields of the user's token, so that other users can find the user.

        Return whether this changed, or may have changed, a profile that other gateways may have read. A failure here
        does not fail the sign-in: the next sign-in stores the fields.
        """
        name = identity.name if identity.is_named else None
        fields = changed_fields(name, identity.picture or None, identity.data)
        args: tuple[str | int, ...] = (identity.name, PROFILE_SECONDS, *fields)
        try:
            with translated:
                reply = self._redis.begin_script("user_person", (keys.user_person(identity.user),), args)
                before, now, changed = await reply
        except RoomcastError as error:
            return error.code is Code.OUTCOME_UNKNOWN
        with suppress(RoomcastError):  # other gateways must learn of the change even if the directory does not
            await self._list(identity.user, before.decode(), now.decode())
        return bool(before and changed)

    async def _list(self, user: str, before: str, now: str) -> None:
        """List the person in the directory under the name `now` instead of the name `before`."""
        if before != now:
            old = entry_of(before, user) if before else ""
            await self._redis.script("room_listing", (keys.PEOPLE,), (old, entry_of(now, user), MAX_PEOPLE))

    async def read(self, users: list[str]) -> dict[str, Profile]:
        """Return the profiles of the users; users without a profile are left out."""
        found = await self._redis.run_together(*(("HMGET", keys.user_person(user), *FIELDS) for user in users))
        profiles = (read_profile(user, values) for user, values in zip(users, found, strict=True))
        return {profile.user: profile for profile in profiles if profile is not None}

    async def is_known(self, user: str) -> bool:
        """Return whether the user has ever signed in, or a back end has set the user's profile."""
        return bool(await self._redis.call("HEXISTS", keys.user_person(user), _NAME))

    async def search(self, query: str, after: str | None, limit: int) -> tuple[list[Profile], str | None]:
        """Return people whose names begin with `query`, by name, and the `after` of the next page.

        Entries of deleted or renamed people are left out, and removed. So a page may have fewer than `limit` people.
        """
        bounds = range_of(query, after)
        found = await self._redis.call("ZRANGE", keys.PEOPLE, *bounds, "BYLEX", "LIMIT", 0, limit + 1)
        entries = [entry.decode() for entry in found]
        users = [id_of(entry) for entry in entries[:limit]]
        profiles = await self.read(users)
        people: list[Profile] = []
        for entry, user in zip(entries, users, strict=False):
            profile = profiles.get(user)
            if profile is None or entry_of(profile.name, user) != entry:
                await self._redis.script("room_listing", (keys.PEOPLE,), (entry, "", MAX_PEOPLE))
            else:
                people.append(profile)
        return people, entries[limit - 1] if len(entries) > limit else None
