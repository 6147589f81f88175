"""The HTTP API changes rooms, members, people and sanctions, and a gateway applies the changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import redis
import socketio

from roomcast.contract import keys
from roomcast.contract.api_keys import Scope
from tests import apis, gateways
from tests.waiting import until


@pytest.fixture(scope="module")
def gateway(api_redis: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[gateways.Gateway]:
    folder: Path = tmp_path_factory.mktemp("api-gateway")
    with gateways.gateway(folder, api_redis("gateway"), DRAIN_SECONDS="1") as running:
        yield running


class Person:
    """A signed-in client that records its events."""

    def __init__(self) -> None:
        self.socket = socketio.AsyncClient(reconnection=False)
        self.events: list[tuple[str, Any]] = []
        self.socket.on("*", self._note)

    async def _note(self, event: str, data: Any) -> None:
        self.events.append((event, data))

    async def join(self, room: str) -> dict[str, Any]:
        answer: dict[str, Any] = await self.socket.call("room:join", {"room": room}, timeout=20)
        return answer


async def connect(gateway: gateways.Gateway, token: str) -> Person:
    person = Person()
    await person.socket.connect(gateway.url, auth={"token": token}, transports=["websocket"])
    await until(lambda: any(event == "ready" for event, _ in person.events), "ready")
    return person


def reason(answer: httpx.Response) -> str:
    return str(answer.json()["reason"])


def test_a_room_is_created_changed_and_closed(client: httpx.Client) -> None:
    body = {"room": "team:life", "owner": "ada", "name": "Life"}
    made = client.post("/v1/rooms", json=body)
    assert (made.status_code, made.json()["members"], made.json()["kind"]) == (201, 1, "private")
    assert reason(client.post("/v1/rooms", json=body)) == "conflict"
    assert client.put("/v1/rooms/team:life/members/bob", json={"role": "admin", "by": "ada"}).status_code == 204
    assert client.put("/v1/rooms/team:life/members/eve").status_code == 204
    found = client.get("/v1/rooms/team:life/members").json()
    assert sorted((each["user"], each["role"]) for each in found["members"]) == [
        *(("ada", "owner"), ("bob", "admin"), ("eve", "member")),
    ]
    assert found["next"] is None
    assert client.get("/v1/users/bob/rooms").json() == {"rooms": [{"room": "team:life", "name": "Life"}]}
    assert reason(client.delete("/v1/rooms/team:life/members/ada")) == "forbidden"
    assert client.delete("/v1/rooms/team:life/members/bob").json() == {"removed": True}
    assert client.delete("/v1/rooms/team:life/members/bob").json() == {"removed": False}
    assert client.delete("/v1/rooms/team:life").status_code == 204
    assert reason(client.get("/v1/rooms/team:life")) == "not_found"
    assert reason(client.get("/v1/rooms/team:life/members")) == "not_found"


@pytest.mark.parametrize(
    ("room", "why"),
    [
        ("dm:a:b", "a direct room is not created: its two people may enter it at any time"),
        ("public:x", "a room whose id begins with `public:` has the kind `public`"),
    ],
)
def test_reserved_ids_are_forbidden(client: httpx.Client, room: str, why: str) -> None:
    answer = client.post("/v1/rooms", json={"room": room, "owner": "a"})
    assert (reason(answer), answer.json()["detail"]) == ("forbidden", why)


@pytest.mark.parametrize("room", ["dm:bob:ada", "dm:ada", "dm:a:b:c"])
def test_direct_rooms_that_no_user_may_enter_are_refused(client: httpx.Client, room: str) -> None:
    answer = client.post(f"/v1/rooms/{room}/messages", json={"user": "ada", "text": "Hello"})
    why = "a direct room is `dm:` and the ids of its two people, sorted"
    assert (reason(answer), answer.json()["detail"]) == ("bad_request", why)


def test_members_are_listed_in_pages(client: httpx.Client, api_redis: Callable[[str], str]) -> None:
    client.post("/v1/rooms", json={"room": "team:many", "owner": "ada"})
    with redis.Redis.from_url(api_redis("admin")) as admin:
        admin.hset(keys.room_members("team:many"), mapping={f"user-{number}": "member" for number in range(600)})
    seen: list[str] = []
    page = client.get("/v1/rooms/team:many/members", params={"limit": 50}).json()
    pages = 1
    while page["next"]:
        seen += [member["user"] for member in page["members"]]
        page = client.get("/v1/rooms/team:many/members", params={"limit": 50, "cursor": page["next"]}).json()
        pages += 1
    seen += [member["user"] for member in page["members"]]
    assert set(seen) == {"ada", *(f"user-{number}" for number in range(600))}
    assert pages > 1


async def test_presence_events_kicks_and_revocations_of_a_user_work_over_http(
    client: httpx.Client, gateway: gateways.Gateway
) -> None:
    signed = client.post("/v1/tokens", json={"user": "ada", "name": "Ada", "rooms": ["team:*"], "jti": "j-1"}).json()
    ada = await connect(gateway, signed["token"])
    assert (await ada.join("team:seen"))["ok"]
    assert client.get("/v1/rooms/team:seen/occupancy").json() == {
        **{"room": "team:seen", "occupants": 1, "users": ["ada"]},
    }

    def statuses() -> list[str]:
        answer = client.get("/v1/presence", params={"user": ["ada", "nobody"]})
        return [row["status"] for row in answer.json()["users"]]

    await until(lambda: statuses() == ["online", "offline"], "presence")
    plain = client.post("/v1/presence/query", json={"users": ["ada"]}).json()["users"][0]
    assert (plain["status"], plain["until"], plain["devices"]) == ("online", 0, [])
    detailed = client.get("/v1/presence", params={"user": ["ada", "nobody"], "devices": True}).json()["users"]
    assert [row["devices"] for row in detailed] == [[{"kind": "", "status": "online"}], []]
    await until(lambda: client.get("/v1/cluster").json()["connections"] == 1, "figures of the cluster")
    cluster = client.get("/v1/cluster").json()
    assert ([each["node"] for each in cluster["gateways"]], cluster["users_present"]) == (["1"], 1)

    for where in ("users/ada", "rooms/team:seen"):
        body = {"event": "ticket", "data": {"at": where}}
        assert client.post(f"/v1/{where}/events", json=body).status_code == 204
    assert client.post("/v1/events", json={"event": "ticket", "data": {"at": "all"}}).status_code == 204
    await until(lambda: sum(event == "custom" for event, _ in ada.events) == 3, "custom events")
    told = {data["data"]["at"]: data for event, data in ada.events if event == "custom"}
    assert told == {
        "users/ada": {"event": "ticket", "data": {"at": "users/ada"}},
        "rooms/team:seen": {"room": "team:seen", "event": "ticket", "data": {"at": "rooms/team:seen"}},
        "all": {"event": "ticket", "data": {"at": "all"}},
    }

    assert client.post("/v1/rooms/team:seen/kicks/ada").status_code == 204
    await until(lambda: ("room", {"room": "team:seen", "change": "removed"}) in ada.events, "the kick")

    assert client.post("/v1/users/ada/disconnect").status_code == 204
    await until(lambda: not ada.socket.connected, "the disconnect")
    again = await connect(gateway, signed["token"])
    assert client.post("/v1/tokens/j-1/revocation").status_code == 204
    await until(lambda: not again.socket.connected, "the revocation")
    with pytest.raises(socketio.exceptions.ConnectionError):
        await connect(gateway, signed["token"])


async def test_a_user_can_be_revoked(client: httpx.Client, gateway: gateways.Gateway) -> None:
    token = client.post("/v1/tokens", json={"user": "eve"}).json()["token"]
    eve = await connect(gateway, token)
    assert client.post("/v1/users/eve/revocation", json={"skew_seconds": 0}).status_code == 204
    await until(lambda: not eve.socket.connected, "the revocation")


async def test_mutes_and_bans_reach_the_gateway(client: httpx.Client, gateway: gateways.Gateway) -> None:
    token = client.post("/v1/tokens", json={"user": "mallory", "rooms": ["team:*"]}).json()["token"]
    person = await connect(gateway, token)
    await person.join("team:quiet")
    message = {"room": "team:quiet", "id": "1", "text": "x"}
    assert client.put("/v1/users/mallory/mute", params={"room": "team:quiet"}, json={"seconds": 60}).status_code == 204

    async def code() -> Any:
        answer = await person.socket.call("message:send", message, timeout=20)
        return answer.get("error", {}).get("reason", "ok")

    async def is_muted() -> bool:
        return bool(await code() == "muted")

    async def may_write() -> bool:
        return bool(await code() == "ok")

    await until(is_muted, "the mute")
    assert client.delete("/v1/users/mallory/mute", params={"room": "team:quiet"}).status_code == 204
    await until(may_write, "the end of the mute")
    assert client.put("/v1/rooms/team:quiet/slow-mode", json={"seconds": 5}).status_code == 204
    assert client.get("/v1/rooms/team:quiet").json()["slow_seconds"] == 5
    assert client.put("/v1/users/mallory/ban", json={}).status_code == 204
    await until(lambda: not person.socket.connected, "the ban")
    assert client.delete("/v1/users/mallory/ban").status_code == 204


async def test_reports_are_listed_and_closed(client: httpx.Client, gateway: gateways.Gateway) -> None:
    client.post("/v1/rooms/public:rude/messages", json={"user": "eve", "text": "rude", "kind": "text"})
    bob = await connect(gateway, client.post("/v1/tokens", json={"user": "bob"}).json()["token"])
    await bob.join("public:rude")
    await bob.socket.call("message:report", {"room": "public:rude", "target": 1, "reason": "rude"}, timeout=20)
    (report,) = client.get("/v1/reports").json()["reports"]
    assert (report["room"], report["by"], json.loads(report["message"])["text"]) == ("public:rude", "bob", "rude")
    assert client.get("/v1/reports", params={"after": report["id"]}).json() == {"reports": []}
    assert client.delete(f"/v1/reports/{report['id']}").status_code == 204
    assert client.get("/v1/reports").json() == {"reports": []}
    await bob.socket.disconnect()


def test_a_signed_token_has_the_requested_claims(client: httpx.Client) -> None:
    body = {"user": "auth0|7", "name": "Seven", "seconds": 60, "create": ["team:*"], "ops": True, "aud": "chat"}
    answer = client.post("/v1/tokens", json=body).json()
    claims = jwt.decode(answer["token"], gateways.SECRET, algorithms=["HS256"], audience="chat")
    assert answer["user"] == "x--auth0-7C7"
    assert {name: claims[name] for name in ("sub", "name", "create", "ops")} == {
        **{"sub": "auth0|7", "name": "Seven", "create": ["team:*"], "ops": True},
    }
    assert claims["exp"] - claims["iat"] == 60
    assert reason(client.post("/v1/tokens", json={"user": "\u20ac" * 40})) == "bad_request"


def test_a_token_of_an_operator_needs_its_own_scope(api: apis.Api, api_redis: Callable[[str], str]) -> None:
    key = asyncio.run(apis.make_key(api_redis("admin"), Scope.TOKENS_SIGN, name="signer"))
    with api.client(key) as client:
        assert client.post("/v1/tokens", json={"user": "ada"}).status_code == 200
        assert reason(client.post("/v1/tokens", json={"user": "ada", "ops": True})) == "forbidden"


def test_an_api_without_a_secret_signs_no_token(api_redis: Callable[[str], str], tmp_path: Path) -> None:
    key = asyncio.run(apis.make_key(api_redis("admin"), name="no-secret"))
    with apis.api(tmp_path, api_redis("api"), key, JWT_SECRET="") as running, running.client() as client:
        assert reason(client.post("/v1/tokens", json={"user": "ada"})) == "not_found"


def test_an_allowance_is_set_and_lifted(client: httpx.Client) -> None:
    for allowance in ("room-allowance", "byte-allowance"):
        for per_day in (5, None):
            assert client.put(f"/v1/users/ada/{allowance}", json={"per_day": per_day}).status_code == 204
        assert reason(client.put(f"/v1/users/ada/{allowance}", json={})) == "bad_request"


def test_an_inbox_counts_unread_messages(client: httpx.Client, api: apis.Api, api_redis: Callable[[str], str]) -> None:
    for room in ("team:in1", "team:in2", "team:in3"):
        client.post("/v1/rooms", json={"room": room, "owner": "grace", "name": room.upper()})
        body = {"user": "bob", "text": "hello", "kind": "text", "mentions": ["grace"]}
        assert client.post(f"/v1/rooms/{room}/messages", json=body).status_code == 201
    page = client.get("/v1/users/grace/inbox", params={"limit": 2}).json()
    assert (page["unread"], page["mentions"]) == (3, 3)
    rest = client.get("/v1/users/grace/inbox", params={"limit": 2, "after": page["after"]}).json()
    lines = page["rooms"] + rest["rooms"]
    assert sorted(line["room"] for line in lines) == ["team:in1", "team:in2", "team:in3"]
    assert {(line["unread"], line["mentions"], line["last"]["text"], line["role"]) for line in lines} == {
        (1, 1, "hello", "owner")
    }
    assert (page["more"], rest["more"], rest["after"]) == (True, False, None)
    with api.client(asyncio.run(apis.make_key(api_redis("admin"), Scope.USERS_READ, name="people"))) as other:
        hidden = other.get("/v1/users/grace/inbox").json()
    assert [(line["unread"], line["last"]) for line in hidden["rooms"]] == [(1, None)] * 3, (
        "the scopes of this key do not allow reading messages"
    )
    mentioned = client.post("/v1/rooms/team:in1/messages", json={"user": "bob", "text": "x", "mentions": ["eve"]})
    assert reason(mentioned) == "forbidden"
