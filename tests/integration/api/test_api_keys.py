"""API keys, as a caller sees them: scopes, rates, expiry, rotation and revocation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from roomcast.contract.api_keys import ApiKeys, Scope
from roomcast.contract.backend import connect, open_client
from roomcast.contract.errors import Code, RoomcastError
from roomcast.wire import redis_url as urls
from tests import apis

JSON = {"Content-Type": "application/json"}
PAGE = "/v1/rooms/team:keys/messages"


@pytest.fixture
async def keys(api_redis: Callable[[str], str]) -> AsyncIterator[ApiKeys]:
    client = open_client(urls.parse(api_redis("admin")))
    yield ApiKeys(client)
    await client.aclose()


def status(api: apis.Api, key: str, method: str = "GET") -> int:
    with api.client(key) as client:
        return client.request(method, PAGE).status_code


def test_a_request_without_a_key_is_refused(api: apis.Api) -> None:
    answer = httpx.get(api.url + PAGE, trust_env=False)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["reason"] == "unauthorized"


@pytest.mark.parametrize("key", ["rck_unknown", "x", "rck_" + "x" * 200, "rck_\u00e4"])
def test_an_unknown_key_is_refused(api: apis.Api, key: str) -> None:
    headers = [(b"Authorization", f"Bearer {key}".encode())]
    assert httpx.get(api.url + PAGE, headers=headers, trust_env=False).status_code == 401


async def test_a_key_may_do_only_what_its_scopes_allow(api: apis.Api, keys: ApiKeys) -> None:
    key = await keys.create("reader", [Scope.MESSAGES_READ])
    assert status(api, key) == 200
    with api.client(key) as client:
        answer = client.post(PAGE, json={"user": "ada", "text": "no"})
    assert (answer.status_code, answer.json()["reason"]) == (403, "forbidden")
    assert "messages:write" in answer.json()["detail"]


async def test_a_revoked_key_is_refused_at_once(api: apis.Api, keys: ApiKeys) -> None:
    key = await keys.create("short-lived", [Scope.MESSAGES_READ])
    assert status(api, key) == 200
    (listed,) = [row for row in await keys.list_keys() if row.key.name == "short-lived"]
    await keys.revoke(listed.id)
    assert status(api, key) == 401
    with pytest.raises(RoomcastError) as caught:
        await keys.revoke(listed.id)
    assert caught.value.code is Code.NOT_FOUND


async def test_the_old_key_works_beside_the_new_key_until_the_overlap_ends(api: apis.Api, keys: ApiKeys) -> None:
    old = await keys.create("rotated", [Scope.MESSAGES_READ], rate=7)
    new = await keys.rotate("rotated", overlap_seconds=3600)
    assert [status(api, key) for key in (old, new)] == [200, 200]
    rows = [row.key for row in await keys.list_keys() if row.key.name == "rotated"]
    assert sorted(key.expires > 0 for key in rows) == [False, True]
    assert {(key.scopes, key.rate) for key in rows} == {(("messages:read",), 7)}
    newest = await keys.rotate("rotated", overlap_seconds=0)
    assert [status(api, key) for key in (old, new, newest)] == [401, 401, 200]


async def test_a_key_above_its_rate_gets_a_retry_after(api: apis.Api, keys: ApiKeys) -> None:
    key = await keys.create("slow", [Scope.MESSAGES_READ], rate=1)
    with api.client(key) as client:
        answers = [client.get(PAGE) for _ in range(4)]
    assert [answer.status_code for answer in answers[:2]] == [200, 200]
    refused = answers[-1]
    assert (refused.status_code, refused.json()["reason"], refused.json()["retryable"]) == (429, "rate_limited", True)
    assert 1 <= int(refused.headers["retry-after"]) <= 2


async def test_each_message_of_a_batch_counts_towards_the_rate(api: apis.Api, keys: ApiKeys) -> None:
    key = await keys.create("batches", [Scope.MESSAGES_WRITE], rate=10)
    messages = [{"room": "team:keys", "user": "ada", "text": "x"}] * 20
    with api.client(key) as client:
        statuses = [client.post("/v1/messages/batch", json={"messages": messages}).status_code for _ in range(5)]
    assert statuses[0] == 200
    assert 429 in statuses  # 20 messages are allowed at once, then 10 a second


async def test_a_batch_above_the_burst_is_published_and_delays_later_requests(api: apis.Api, keys: ApiKeys) -> None:
    key = await keys.create("batches", [Scope.MESSAGES_WRITE], rate=1)
    messages = [{"room": "team:keys", "user": "ada", "text": "x"}] * 100
    with api.client(key) as client:
        assert client.post("/v1/messages/batch", json={"messages": messages}).status_code == 200
        refused = client.post("/v1/messages/batch", json={"messages": messages[:1]})
    assert refused.status_code == 429
    assert 90 <= int(refused.headers["retry-after"]) <= 100


async def test_a_key_above_its_rate_gets_no_body_parsed(api: apis.Api, keys: ApiKeys) -> None:
    """Otherwise a key without a right or a rate could occupy the process with large bodies."""
    key = await keys.create("large", [Scope.CLUSTER_READ], rate=1)
    not_json = b"[" * 1_000_000
    with api.client(key) as client:
        answers = [client.post("/v1/events", content=not_json, headers=JSON) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [400, 429]
    assert 14 <= int(answers[1].headers["retry-after"]) <= 16


async def test_the_messages_of_a_large_batch_count_once(api: apis.Api, keys: ApiKeys) -> None:
    key = await keys.create("batches", [Scope.MESSAGES_WRITE], rate=1)
    messages = [{"room": "team:keys", "user": "ada", "text": "x" * 16_000}] * 100
    with api.client(key) as client:
        assert client.post("/v1/messages/batch", json={"messages": messages}).status_code == 200
        refused = client.post("/v1/messages/batch", json={"messages": messages[:1]})
    assert refused.status_code == 429
    assert 90 <= int(refused.headers["retry-after"]) <= 100


async def test_a_large_answer_counts_as_several_requests(api: apis.Api, keys: ApiKeys) -> None:
    """Otherwise a leaked key could keep the API process and Redis busy with large reads."""
    key = await keys.create("reader", [Scope.USERS_READ], rate=2)
    few, many = ({"users": [f"user{number}" for number in range(count)]} for count in (20, 1_000))
    with api.client(key) as client:
        assert [client.post("/v1/presence/query", json=few).status_code for _ in range(2)] == [200, 200]
        assert client.post("/v1/presence/query", json=many).status_code == 200
        refused = client.post("/v1/presence/query", json=few)
    assert refused.status_code == 429
    assert 15 <= int(refused.headers["retry-after"]) <= 20


async def test_the_size_of_pages_and_inboxes_counts_towards_the_rate(
    api: apis.Api, keys: ApiKeys, api_redis: Callable[[str], str]
) -> None:
    reads = [Scope.MESSAGES_READ, Scope.MESSAGES_WRITE, Scope.USERS_READ]
    writer, reader, lister = [await keys.create("pages", reads, rate=rate) for rate in (1_000, 2, 2)]
    messages = [{"room": "team:large", "user": "ada", "text": "x" * 16_384}] * 30
    async with connect(api_redis("backend")) as backend:
        for number in range(75):
            await backend.create_room(f"team:listed-{number}", "cleo")
    with api.client(writer) as client:
        assert client.post("/v1/messages/batch", json={"messages": messages}).status_code == 200
    with api.client(reader) as client:
        assert client.get("/v1/rooms/team:large/messages").status_code == 200
        assert int(client.get("/v1/rooms/team:large/messages").headers["retry-after"]) >= 2
    with api.client(lister) as client:
        assert len(client.get("/v1/users/cleo/inbox").json()["rooms"]) == 50
        assert 429 in [client.get("/v1/users/cleo/inbox").status_code for _ in range(5)]


async def test_keys_are_stored_as_digests(keys: ApiKeys) -> None:
    secret = await keys.create("digest", [Scope.CLUSTER_READ])
    stored = await keys._call("HGETALL", "api:keys")
    assert secret.encode() not in b"".join([*stored.keys(), *stored.values()])


@pytest.mark.parametrize(
    ("name", "scopes", "rate"),
    [("", ["messages:read"], 0), ("x", [], 0), ("x", ["everything"], 0), ("x", ["messages:read"], -1)],
)
async def test_a_key_with_invalid_properties_is_not_created(
    keys: ApiKeys, name: str, scopes: list[str], rate: int
) -> None:
    with pytest.raises(RoomcastError) as caught:
        await keys.create(name, scopes, rate=rate)
    assert caught.value.code is Code.BAD_REQUEST


async def test_a_key_with_an_unknown_name_cannot_be_rotated(keys: ApiKeys) -> None:
    with pytest.raises(RoomcastError) as caught:
        await keys.rotate("nobody", overlap_seconds=1)
    assert caught.value.code is Code.NOT_FOUND


async def test_the_redis_account_of_the_api_cannot_create_keys(api_redis: Callable[[str], str]) -> None:
    with pytest.raises(RoomcastError) as caught:
        await apis.make_key(api_redis("api"))
    assert (caught.value.code, "permission" in str(caught.value)) == (Code.UNAVAILABLE, True)
