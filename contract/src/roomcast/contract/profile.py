"""The profile of a user: name, picture, and data of the application. Pure.

Profiles come from tokens and back ends, and are stored in `keys.user_person`. A user without a profile is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeGuard

from roomcast.contract.app_data import read_data, stored_data
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.texts import require_name

FIELDS: Final = ("name", "picture", "data")
"""The fields of a profile, in the order of the values for `read_profile`."""
PROFILE_SECONDS: Final = 90 * 86_400
"""Seconds for which a profile is kept after the last sign-in or change."""
MAX_PEOPLE: Final = 1_000_000
"""The most users who can be found by name."""
MAX_PICTURE: Final = 500
_PICTURE: Final = re.compile(r"https://[\x21-\x7e]+")


class Profile(NamedTuple):
    """The profile of a user, as others see it. `picture` is an https URL or empty. `data` may be empty."""

    user: str
    name: str
    picture: str
    data: dict[str, Any]

    def public(self) -> dict[str, Any]:
        """Return the profile as clients receive it."""
        picture = {"picture": self.picture} if self.picture else {}
        return {"name": self.name, **picture, **({"data": self.data} if self.data else {})}


def read_profile(user: str, values: Sequence[bytes | None]) -> Profile | None:
    """Return the profile with these values of FIELDS, or None for an unknown user."""
    name, picture, data = ((value or b"").decode() for value in values)
    return Profile(user, name, picture, read_data(data)) if name else None


def is_picture(url: object) -> TypeGuard[str]:
    """Tell whether this is an https URL of at most MAX_PICTURE printable ASCII characters."""
    return isinstance(url, str) and len(url) <= MAX_PICTURE and _PICTURE.fullmatch(url) is not None


def changed_fields(
    name: str | None = None, picture: str | None = None, data: dict[str, Any] | None = None
) -> tuple[str, ...]:
    """Return the names and values of the fields that are not None, for `user_person.lua`.

    An empty picture or object deletes the stored one. Raise BAD_REQUEST for a name without a visible character and for
    a picture that is not an https URL, and TOO_LARGE for data above its limits.
    """
    fields: list[str] = []
    if name is not None:
        fields += ["name", require_name(name)]
    if picture is not None:
        if picture and not is_picture(picture):
            raise RoomcastError(Code.BAD_REQUEST, f"a picture must be an https URL of at most {MAX_PICTURE} characters")
        fields += ["picture", picture]
    if data is not None:
        fields += ["data", stored_data(data)]
    return tuple(fields)
