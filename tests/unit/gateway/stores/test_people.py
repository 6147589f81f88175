"""`note_sign_in` tells whether a sign-in has changed a profile, even if Redis fails."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import Any

import pytest

from roomcast.adapter.redis.connection import ConnectionLost, NotConnected
from roomcast.gateway.stores.people import PeopleStore
from tests.unit.gateway.fakes import session_of


class Redis:
    """Replies to the scripts in `replies`, and raises those replies that are errors."""

    def __init__(self, **replies: Any) -> None:
        self.replies = replies

    def script(self, name: str, keys: tuple[str, ...], args: Iterable[bytes | str | int]) -> Awaitable[Any]:
        return self._reply(name)

    def command(self, name: str, key: str, *args: bytes | str | int | float) -> Awaitable[Any]:
        raise AssertionError(f"a sign-in runs only scripts: {name}")

    async def _reply(self, name: str) -> Any:
        reply = self.replies[name]
        if isinstance(reply, Exception):
            raise reply
        return reply


@pytest.mark.parametrize(
    ("stored", "listed", "is_changed"),
    [
        pytest.param([b"", b"Ada", 1], 1, False, id="first sign-in"),
        pytest.param([b"Ada", b"Ada", 0], 1, False, id="same profile"),
        pytest.param([b"Ada", b"Countess", 1], 1, True, id="new name"),
        pytest.param([b"Ada", b"Countess", 1], NotConnected(), True, id="stored, but not listed"),
        pytest.param(ConnectionLost(), 1, True, id="perhaps stored"),
        pytest.param(NotConnected(), 1, False, id="not stored"),
    ],
)
async def test_a_sign_in_reports_a_change_that_is_stored_or_perhaps_stored(
    stored: Any, listed: Any, is_changed: bool
) -> None:
    store = PeopleStore(Redis(user_person=stored, room_listing=listed))
    assert await store.note_sign_in(session_of("ada").identity) is is_changed
