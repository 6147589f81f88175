"""The profile of a person: name, picture, and an application's data. Pure.

Tokens and back ends say it; it is kept in `keys.user_person`. A user without a profile was never seen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeGuard

from roomcast.contract.app_data import read_data, stored_data
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.texts import require_name

FIELDS: Final = ("name", "picture", "data")
"""The fields of a profile, in the order in which `read_profile` takes their values."""
PROFILE_SECONDS: Final = 90 * 86_400
"""A profile is kept this long past the last sign-in or change."""
MAX_PEOPLE: Final = 1_000_000
"""People who can be found by name; more are not."""
MAX_PICTURE: Final = 500
_PICTURE: Final = re.compile(r"https://[\x21-\x7e]+")


class Profile(NamedTuple):
    """The profile of a user, as others see it. `picture` is an https URL or empty; `data` may be empty, too."""

    user: str
    name: str
    picture: str
    data: dict[str, Any]

    def public(self) -> dict[str, Any]:
        """Return what others are told, as it goes on the wire."""
        picture = {"picture": self.picture} if self.picture else {}
        return {"name": self.name, **picture, **({"data": self.data} if self.data else {})}


def read_profile(user: str, values: Sequence[bytes | None]) -> Profile | None:
    """Return the profile that the values of FIELDS describe; None for a user who was never seen."""
    name, picture, data = ((value or b"").decode() for value in values)
    return Profile(user, name, picture, read_data(data)) if name else None


def is_picture(url: object) -> TypeGuard[str]:
    """Tell whether this is an https URL of at most MAX_PICTURE printable ASCII characters."""
    return isinstance(url, str) and len(url) <= MAX_PICTURE and _PICTURE.fullmatch(url) is not None


def changed_fields(
    name: str | None = None, picture: str | None = None, data: dict[str, Any] | None = None
) -> tuple[str, ...]:
    """Return fields and values for `user_person.lua` of what is not None; an empty picture or object takes away.

    Raises BAD_REQUEST for a name that shows nothing and for a picture that is no https URL, TOO_LARGE for data over
    the limit.
    """
    fields: list[str] = []
    if name is not None:
        fields += ["name", require_name(name)]
    if picture is not None:
        if picture and not is_picture(picture):
            raise RoomcastError(Code.BAD_REQUEST, f"a picture is an https URL of at most {MAX_PICTURE} characters")
        fields += ["picture", picture]
    if data is not None:
        fields += ["data", stored_data(data)]
    return tuple(fields)
