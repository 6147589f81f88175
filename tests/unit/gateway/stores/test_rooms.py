"""The time for which a gateway caches display names, with a fake for Redis."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import Any

from roomcast.gateway.stores.rooms import RoomStore


class StoredNames:
    """A Redis that replies to `HGET … name` with the stored name of the user, or with None."""

    def __init__(self, **names: str) -> None:
        self.names = names

    def script(self, name: str, keys: tuple[str, ...], args: Iterable[bytes | str | int]) -> Awaitable[Any]:
        raise AssertionError(f"no script is run to read names: {name}")

    def command(self, name: str, key: str, *args: bytes | str | int | float) -> Awaitable[Any]:
        return self._read_name(key)

    async def _read_name(self, key: str) -> bytes | None:
        found = [name for user, name in self.names.items() if f"{{{user}}}" in key]
        return found[0].encode() if found else None


async def test_a_stored_name_is_cached_for_a_minute_or_until_forget_name() -> None:
    redis, now = StoredNames(ada="Ada"), [0.0]
    store = RoomStore(redis, lambda: now[0])
    assert await store.names(["ada"]) == {"ada": "Ada"}
    redis.names["ada"] = "Countess"
    now[0] = 59
    assert await store.names(["ada"]) == {"ada": "Ada"}
    now[0] = 61
    assert await store.names(["ada"]) == {"ada": "Countess"}
    redis.names["ada"] = "Lady Lovelace"
    store.forget_name("ada")
    assert await store.names(["ada"]) == {"ada": "Lady Lovelace"}


async def test_the_name_of_a_new_user_is_read_after_three_seconds() -> None:
    redis, now = StoredNames(), [0.0]
    store = RoomStore(redis, lambda: now[0])
    assert await store.names(["bob"]) == {"bob": "bob"}
    redis.names["bob"] = "Bob"
    now[0] = 2.9
    assert await store.names(["bob"]) == {"bob": "bob"}
    now[0] = 3.1
    assert await store.names(["bob"]) == {"bob": "Bob"}
