"""The form and the scopes of API keys. Storing and finding keys is tested with the API, on a real Redis."""

from __future__ import annotations

import msgspec
from redis.asyncio import Redis

from roomcast.contract.api_keys import ApiKey, ApiKeys, Scope, digest_of


def test_a_key_is_encoded_and_decoded() -> None:
    key = ApiKey("billing", ("messages:read",), 5, 6, 7)
    assert msgspec.json.decode(msgspec.json.encode(key), type=ApiKey) == key


def test_a_key_allows_only_its_scopes() -> None:
    key = ApiKey("billing", (Scope.MESSAGES_READ,), 0)
    assert [scope for scope in Scope if key.allows(scope)] == [Scope.MESSAGES_READ]


def test_digests_are_hexadecimal_and_differ_also_for_keys_that_are_not_utf_8() -> None:
    digests = {digest_of("rck_a"), digest_of("rck_b"), digest_of("rck_\udc80")}
    assert len(digests) == 3
    assert all(len(bytes.fromhex(digest)) == 32 for digest in digests)


async def test_a_text_without_the_form_of_a_key_is_not_looked_up() -> None:
    """No server listens at the address of this client, so a look-up would raise an error."""
    keys = ApiKeys(Redis(port=1))
    assert [await keys.find(text) for text in ("", "x", "rck_" + "x" * 200)] == [None] * 3
