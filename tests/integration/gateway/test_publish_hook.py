"""The publish hook between real clients, a real gateway and a real endpoint."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
import pytest_asyncio
from aiohttp import web

from roomcast.contract import backend
from tests import servers
from tests.gateways import Client, Clients, Gateway, gateway, unique
from tests.integration.gateway.hook_server import (
    ACCEPT,
    Answer,
    HookServer,
    accept,
    fail,
    hook_server,
    never,
    nonsense,
    redirect,
    too_much,
)
from tests.socket_schemas import assert_documented
from tests.waiting import until

DEADLINE_SECONDS = 4.0


class Gateways(NamedTuple):
    """Two gateways that ask the endpoint at `port` about messages in rooms `public:asked…`.

    When the endpoint gives no verdict, `closed` refuses the message, and `opened` publishes it.
    """

    port: int
    closed: Gateway
    opened: Gateway


class Rig(NamedTuple):
    server: HookServer
    closed: Gateway
    opened: Gateway


@pytest.fixture(scope="module")
def gateways(gateway_redis: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateways]:
    folder, server = tmp_path_factory.mktemp("hooked"), HookServer(servers.free_port())
    scope: dict[str, Any] = {"rooms": ["public:asked*"], "deadline_seconds": DEADLINE_SECONDS}
    refusing, publishing = server.setting(**scope), server.setting(**scope, on_failure="publish")
    with (
        gateway(folder, gateway_redis, "1", PUBLISH_HOOK=refusing) as closed,
        gateway(folder, gateway_redis, "2", PUBLISH_HOOK=publishing) as opened,
    ):
        yield Gateways(server.port, closed, opened)


@pytest_asyncio.fixture
async def rig(gateways: Gateways) -> AsyncIterator[Rig]:
    async with hook_server(gateways.port) as server:
        yield Rig(server, gateways.closed, gateways.opened)


def answering(**verdict: Any) -> Answer:
    async def answer(_: dict[str, Any]) -> web.StreamResponse:
        return web.json_response(verdict)

    return answer


async def error_of(client: Client, event: str, payload: dict[str, Any]) -> dict[str, Any]:
    answer = await client.call(event, payload)
    assert answer["ok"] is False, answer
    error: dict[str, Any] = answer["error"]
    return error


async def joined(rig: Rig, clients: Clients, at: Gateway | None = None) -> tuple[Client, Client, str]:
    """Return a writer and a reader in a room for which the gateway asks the endpoint."""
    room = unique("public:asked")
    ada, bob = await clients(at or rig.closed, unique("ada")), await clients(rig.closed, unique("bob"))
    for client in (ada, bob):
        await client.join(room)
    await _until_asked(rig, ada)
    rig.server.asked.clear()
    return ada, bob, room


async def _until_asked(rig: Rig, client: Client) -> None:
    """Send until the gateway asks the endpoint again, because an earlier test may have opened the circuit."""
    room = unique("public:asked")
    await client.join(room)

    async def is_asked() -> bool:
        answer = await client.call("message:send", {"room": room, "id": uuid4().hex, "text": "again"})
        return bool(answer["ok"] and rig.server.asked)

    await until(is_asked, "the endpoint gets a request")


async def test_an_accepted_message_is_published_unchanged(rig: Rig, clients: Clients) -> None:
    ada, bob, room = await joined(rig, clients)
    for n in range(3):
        payload = {"room": room, "id": f"m{n}", "text": f"text {n}", "data": {"n": n}}
        await ada.ok("message:send", payload)
    await bob.expect_text("text 2")
    assert [message["data"] for message in bob.seen("message")] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert rig.server.asked[0] == {
        "event": "send",
        "room": room,
        "id": "m0",
        "user": ada.user,
        "name": ada.user,
        "text": "text 0",
        "data": {"n": 0},
    }
    assert len(rig.server.asked) == 3


async def test_a_message_that_the_hook_changes_is_published_in_its_new_form(rig: Rig, clients: Clients) -> None:
    ada, bob, room = await joined(rig, clients)
    rig.server.answer = answering(action="change", text="****", data={"masked": True})
    await ada.send(room, "rude")
    heard = await bob.expect_text("****")
    assert (heard["data"], heard["kind"]) == ({"masked": True}, "text")


async def test_a_refused_message_gets_the_reason_and_is_not_published(rig: Rig, clients: Clients) -> None:
    ada, bob, room = await joined(rig, clients)
    rig.server.answer = answering(action="refuse", code="spam", detail="No links, please")
    error = await error_of(ada, "message:send", {"room": room, "id": "1", "text": "http://spam"})
    assert (error["reason"], error["app_code"], error["detail"]) == ("refused", "spam", "No links, please")
    assert error["retryable"] is False
    assert_documented("Error", error)

    rig.server.answer = accept
    await ada.send(room, "sorry", "1")
    await bob.expect_text("sorry")
    assert bob.texts(room) == ["sorry"]


async def test_the_endpoint_is_also_asked_about_edits(rig: Rig, clients: Clients) -> None:
    ada, bob, room = await joined(rig, clients)
    sent = await ada.send(room, "fine")
    edit = {"room": room, "id": "e1", "target": sent["seq"], "text": "rude"}
    rig.server.answer = answering(action="refuse", code="rude")
    assert (await error_of(ada, "message:edit", edit))["reason"] == "refused"
    assert rig.server.asked[-1]["event"] == "edit"
    assert rig.server.asked[-1]["target"] == sent["seq"]

    rig.server.answer = answering(action="change", text="****")
    await ada.ok("message:edit", edit)
    assert (await bob.expect("message", lambda m: m["kind"] == "edit"))["text"] == "****"


@pytest.mark.parametrize("answer", [fail, nonsense, redirect, too_much, never])
async def test_without_a_verdict_the_setting_on_failure_decides(rig: Rig, clients: Clients, answer: Answer) -> None:
    ada, bob, room = await joined(rig, clients)
    cleo = await clients(rig.opened, unique("cleo"))
    await cleo.join(room)
    rig.server.answer = answer
    error = await error_of(ada, "message:send", {"room": room, "id": "1", "text": "closed"})
    assert (error["reason"], error["retryable"]) == ("unavailable", True)
    await cleo.send(room, "open")
    await bob.expect_text("open")
    assert bob.texts(room) == ["open"]


async def test_a_sender_s_messages_keep_their_order_when_verdicts_take_different_times(
    rig: Rig, clients: Clients
) -> None:
    ada, bob, room = await joined(rig, clients)

    async def uneven(message: dict[str, Any]) -> web.StreamResponse:
        n = int(message["text"])
        await asyncio.sleep(0.1 if n % 4 == 0 else 0)
        refusal = {"action": "refuse"}
        return web.json_response(refusal if n % 5 == 1 else ACCEPT)

    rig.server.answer = uneven
    answers = await asyncio.gather(
        *(ada.call("message:send", {"room": room, "id": str(n), "text": str(n)}) for n in range(30))
    )
    kept = [str(n) for n in range(30) if n % 5 != 1]
    assert [str(n) for n, answer in enumerate(answers) if answer["ok"]] == kept
    await bob.expect_text(kept[-1])
    assert bob.texts(room) == kept
    assert rig.server.most_at_once > 1


async def test_a_flood_by_one_user_is_rate_limited_and_does_not_bypass_the_hook_or_block_other_users(
    rig: Rig, clients: Clients
) -> None:
    ada, bob, room = await joined(rig, clients, rig.opened)
    mallory, gate = unique("mallory"), asyncio.Event()
    busy = 'roomcast_gateway_publish_hook_total{outcome="busy"}'
    before = rig.opened.metric(busy)
    flooding = [await clients(rig.opened, mallory) for _ in range(2)]

    async def refuse_later(_: dict[str, Any]) -> web.StreamResponse:
        await gate.wait()
        return web.json_response({"action": "refuse"})

    async def send(client: Client) -> str:
        return await client.refused("message:send", {"room": room, "id": uuid4().hex, "text": "spam"})

    rig.server.answer = refuse_later
    async with asyncio.TaskGroup() as group:
        sent = [group.create_task(send(client)) for client in flooding for _ in range(50)]
        await until(lambda: rig.opened.metric(busy) == before + 36, "mallory has 64 messages in review")
        innocent = group.create_task(send(ada))
        gate.set()
    assert Counter(task.result() for task in sent) == {"rate_limited": 36, "refused": 64}
    assert innocent.result() == "refused"
    assert bob.texts(room) == []


async def test_a_slow_verdict_does_not_delay_other_rooms(rig: Rig, clients: Clients) -> None:
    ada, _, room = await joined(rig, clients)
    other = unique("public:free")
    await ada.join(other)
    gate = asyncio.Event()

    async def held(_: dict[str, Any]) -> web.StreamResponse:
        await gate.wait()
        return web.json_response(ACCEPT)

    rig.server.answer = held
    async with asyncio.TaskGroup() as group:
        slow = group.create_task(ada.call("message:send", {"room": room, "id": "1", "text": "slow"}))
        await until(lambda: bool(rig.server.asked), "the endpoint has the request")
        await ada.send(other, "free")
        assert not slow.done()
        gate.set()
    assert slow.result()["ok"]
    assert [message["text"] for message in rig.server.asked] == ["slow"]


@pytest.mark.parametrize("kind", ["ban", "mute"])
@pytest.mark.parametrize("event", ["message:send", "message:edit"])
async def test_a_user_muted_or_banned_during_the_hook_request_does_not_publish(
    rig: Rig, clients: Clients, kind: str, event: str
) -> None:
    ada, bob, room = await joined(rig, clients, rig.opened)
    operator = await clients(rig.opened, unique("operator"), ops=True)
    target = (await ada.send(room, "first"))["seq"]
    what = {"room": room, "id": "late", "text": "late", **({"target": target} if event == "message:edit" else {})}
    async with _held(rig) as gate, asyncio.TaskGroup() as group:
        late = group.create_task(ada.call(event, what))
        await until(lambda: rig.server.at_once == 1, "the endpoint has the request")
        await operator.ok("room:sanction", {"room": room, "user": ada.user, "kind": kind, "on": True})
        change = "banned" if kind == "ban" else "muted"
        await ada.expect("room", lambda data: data["room"] == room and data["change"] == change)
        gate.set()
    assert late.result()["error"]["reason"] == ("forbidden" if kind == "ban" else "muted")
    assert (await bob.ok("message:history", {"room": room}))["seq"] == target


async def test_a_user_revoked_during_the_hook_request_does_not_publish(
    rig: Rig, clients: Clients, gateway_redis: str
) -> None:
    ada, bob, room = await joined(rig, clients, rig.opened)
    carl = await clients(rig.opened, unique("carl"))
    async with _held(rig) as gate, backend.connect(gateway_redis) as client:
        await ada.io.emit("message:send", {"room": room, "id": "late", "text": "late"})
        await until(lambda: rig.server.at_once == 1, "the endpoint has the request")
        await client.revoke_user(ada.user)
        await ada.expect_gone()
        gate.set()
        await until(lambda: rig.server.at_once == 0, "the endpoint has answered")
    await carl.send(room, "later")  # on Ada's gateway, which has handled the answer for Ada's message by then
    assert [message["text"] for message in (await bob.ok("message:history", {"room": room}))["messages"]] == ["later"]


@asynccontextmanager
async def _held(rig: Rig) -> AsyncIterator[asyncio.Event]:
    """Make the endpoint wait with its verdict until the yielded event is set; gateways wait until the deadline."""
    gate = asyncio.Event()

    async def held(_: dict[str, Any]) -> web.StreamResponse:
        await gate.wait()
        return web.json_response(ACCEPT)

    rig.server.answer = held
    yield gate
    rig.server.answer = accept


async def test_a_refused_resend_of_a_published_message_gets_the_first_receipt(rig: Rig, clients: Clients) -> None:
    ada, _, room = await joined(rig, clients)
    first = await ada.send(room, "once", "same")
    rig.server.answer = answering(action="refuse")
    again = await ada.send(room, "once", "same")
    assert (again["seq"], again["duplicate"]) == (first["seq"], True)


async def test_a_resend_of_a_published_message_that_finds_no_place_in_the_queue_gets_the_first_receipt(
    rig: Rig, clients: Clients
) -> None:
    ada, _, room = await joined(rig, clients)
    more = [await clients(rig.closed, ada.user) for _ in range(2)]
    first = await ada.send(room, "once", "same")
    async with _held(rig) as gate, asyncio.TaskGroup() as group:
        for client in more:
            for _ in range(32):
                payload = {"room": room, "id": uuid4().hex, "text": "many"}
                group.create_task(client.call("message:send", payload))
        await until(lambda: rig.server.at_once == 64, "ada has 64 messages in review")
        again = await ada.send(room, "once", "same")
        gate.set()
    assert (again["seq"], again["duplicate"]) == (first["seq"], True)


async def test_the_circuit_opens_for_an_endpoint_that_is_down_and_closes_again(rig: Rig, clients: Clients) -> None:
    ada, _, room = await joined(rig, clients)
    await rig.server.stop()
    try:
        for n in range(8):
            error = await error_of(ada, "message:send", {"room": room, "id": f"d{n}", "text": "down"})
            assert error["reason"] == "unavailable"
        assert rig.closed.metric("roomcast_gateway_publish_hook_open") == 1
        assert rig.closed.metric('roomcast_gateway_publish_hook_total{outcome="circuit_open"}') >= 1
    finally:
        await rig.server.start()
    await _until_asked(rig, ada)
    assert rig.closed.metric("roomcast_gateway_publish_hook_open") == 0
