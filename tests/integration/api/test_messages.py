"""Messages over HTTP: receipts, ids, cursors, batches and error codes."""

from __future__ import annotations

from typing import Any

import httpx
import psutil
import pytest

from tests import apis


def publish(client: httpx.Client, room: str, count: int) -> None:
    for number in range(1, count + 1):
        body = {"user": "ada", "text": f"text {number}", "kind": "text"}
        assert client.post(f"/v1/rooms/{room}/messages", json=body).status_code == 201


def seqs(page: dict[str, Any]) -> list[int]:
    return [message["seq"] for message in page["messages"]]


def test_a_published_message_can_be_read(client: httpx.Client) -> None:
    body = {"user": "billing", "name": "Billing", "text": 'Invoice \u2713 "17"', "id": "invoice-17"}
    receipt = client.post("/v1/rooms/team:a/messages", json=body)
    assert (receipt.status_code, receipt.json()["seq"], receipt.json()["duplicate"]) == (201, 1, False)
    (message,) = client.get("/v1/rooms/team:a/messages").json()["messages"]
    assert {name: message[name] for name in body} == body
    assert (message["kind"], message["room"], message["time"]) == ("system", "team:a", receipt.json()["time"])


@pytest.mark.parametrize("where", ["header", "body"])
def test_a_message_with_a_repeated_id_is_published_once(client: httpx.Client, where: str) -> None:
    body = {"user": "ada", "text": "once"} | ({"id": "i1"} if where == "body" else {})
    headers = {"Idempotency-Key": "i1"} if where == "header" else {}
    room = f"/v1/rooms/team:once-{where}/messages"
    first, again = (client.post(room, json=body, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json() | {"duplicate": True}
    assert len(client.get(room).json()["messages"]) == 1


def test_different_ids_in_header_and_body_are_refused(client: httpx.Client) -> None:
    body = {"user": "ada", "text": "x", "id": "a"}
    answer = client.post("/v1/rooms/team:a/messages", json=body, headers={"Idempotency-Key": "b"})
    assert (answer.status_code, answer.json()["code"]) == (400, 100)


def test_cursors_page_through_the_whole_log_in_both_directions(client: httpx.Client) -> None:
    room = "/v1/rooms/team:cursors/messages"
    publish(client, "team:cursors", 7)
    pages = [client.get(room, params={"limit": 3}).json()]
    while pages[-1]["older"]:
        pages.append(client.get(room, params={"limit": 3, "cursor": pages[-1]["older"]}).json())
    assert [seqs(page) for page in pages] == [[5, 6, 7], [2, 3, 4], [1]]
    assert [page["more"] for page in pages] == [True, True, False]
    forth = [pages[-1]]
    while forth[-1]["messages"]:
        forth.append(client.get(room, params={"limit": 3, "cursor": forth[-1]["newer"]}).json())
    assert [seqs(page) for page in forth] == [[1], [2, 3, 4], [5, 6, 7], []]
    publish(client, "team:cursors", 1)
    assert seqs(client.get(room, params={"cursor": forth[-1]["newer"]}).json()) == [8]


def test_a_cursor_of_another_epoch_is_refused(client: httpx.Client) -> None:
    publish(client, "team:one", 2)
    publish(client, "team:other", 2)
    cursor = client.get("/v1/rooms/team:one/messages", params={"limit": 1}).json()["older"]
    answer = client.get("/v1/rooms/team:other/messages", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["reason"]) == (409, "conflict")


@pytest.mark.parametrize(
    "query",
    [
        "before=0",
        "before=x",
        "after=-1",
        "limit=0",
        "limit=101",
        "before=1&after=1",
        "cursor=x",
        "cursor=%00",
        "x=%ff",
        "limit=1&limit=2",
    ],
)
def test_a_bad_query_is_refused(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/v1/rooms/team:a/messages?{query}")
    assert (answer.status_code, answer.json()["reason"]) == (400, "bad_request")


def test_a_message_can_be_edited_reacted_to_and_deleted(client: httpx.Client) -> None:
    publish(client, "team:amend", 1)
    one = "/v1/rooms/team:amend/messages/1"
    assert client.patch(one, json={"user": "ada", "text": "better"}).json()["seq"] == 2
    assert client.post(f"{one}/reactions", json={"user": "bob", "emoji": "\U0001f44d"}).json()["seq"] == 3
    assert client.patch(one, json={"user": "bob", "text": "mine"}).status_code == 403
    gone = client.delete(one, params={"user": "moderator", "id": "d1"})
    assert client.delete(one, params={"user": "moderator", "id": "d1"}).json() == gone.json() | {"duplicate": True}
    assert client.patch(one, json={"user": "ada", "text": "late"}).json()["code"] == 103
    messages = client.get("/v1/rooms/team:amend/messages").json()["messages"]
    assert [message["kind"] for message in messages] == ["text", "edit", "reaction", "delete"]
    assert messages[0]["deleted"] == 4
    assert "better" not in str(messages)


def test_a_batch_keeps_order_and_has_one_answer_per_message(client: httpx.Client) -> None:
    items = [{"room": f"team:b{n % 3}", "user": "ada", "text": str(n), "id": f"m{n}"} for n in range(12)]
    items[4]["text"] = " \u200b"
    results = client.post("/v1/messages/batch", json={"messages": items}).json()["results"]
    assert [result["receipt"] is None for result in results] == [n == 4 for n in range(12)]
    assert results[4]["error"]["reason"] == "bad_request"
    for room in range(3):
        texts = [m["text"] for m in client.get(f"/v1/rooms/team:b{room}/messages").json()["messages"]]
        assert texts == [str(n) for n in range(room, 12, 3) if n != 4]
    again = client.post("/v1/messages/batch", json={"messages": items}).json()["results"]
    assert [result["receipt"] and result["receipt"]["duplicate"] for result in again] == [
        None if n == 4 else True for n in range(12)
    ]


@pytest.mark.parametrize(
    ("body", "start"),
    [
        ({"user": "ada"}, "text or data is needed"),
        ({"user": "a:b", "text": "x"}, "body.user: "),
        ({"user": "ada", "text": ""}, "body.text: "),
        ({"user": "ada", "text": "\u200b"}, "the text has no visible character"),
        ({"user": "ada", "text": "x", "colour": "red"}, "body.colour: unknown field"),
        ({"user": "ada", "text": "x", "id": "with blank"}, "body.id: "),
        ({"user": "ada", "text": 7}, "body.text: "),
        ({"user": "ada\n", "text": "x"}, "body.user: "),
        ([], "body: "),
        (None, "body: "),
        ("text", "body: "),
    ],
)
def test_the_refusal_of_a_bad_body_names_the_wrong_or_missing_field(
    client: httpx.Client, body: Any, start: str
) -> None:
    answer = client.post("/v1/rooms/team:bad/messages", json=body)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["reason"]) == (400, 100, "bad_request")
    assert problem["detail"].startswith(start)


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"user":"ada","text":"\\ud800"}',
        b'{"user":"ada","text":1e999}',
        b"9" * 9_999,
    ],
)
def test_a_body_that_is_not_json_is_refused(client: httpx.Client, raw: bytes) -> None:
    answer = client.post("/v1/rooms/team:bad/messages", content=raw, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["reason"]) == (400, "bad_request")


@pytest.mark.parametrize(
    ("raw", "content_type", "detail"),
    [
        (
            b'{"user": "ada"}',
            "application/x-www-form-urlencoded",
            "body: send the header Content-Type: application/json",
        ),
        (b"[]", "application/json", "body: send a JSON object"),
        (b"", "application/json", "body: send a JSON object"),
        (b'{"user"', "application/json", "body: not valid JSON, at character 7"),
        (b'{"user": "ada", "text": "x", "to": "bob"}', "application/json", "body.to: unknown field"),
    ],
    ids=["form", "list", "empty", "cut", "unknown"],
)
def test_a_refusal_names_the_expected_value(client: httpx.Client, raw: bytes, content_type: str, detail: str) -> None:
    answer = client.post("/v1/rooms/team:bad/messages", content=raw, headers={"Content-Type": content_type})
    assert (answer.status_code, answer.json()["detail"]) == (400, detail)


def test_many_unknown_fields_are_refused_quickly(client: httpx.Client, api: apis.Api) -> None:
    """Naming each of these fields would take two seconds, during which the API process serves no other request."""
    process = psutil.Process(api.process.pid)
    before = sum(process.cpu_times()[:2])
    for batch in ({f"x{n}": n for n in range(100_000)}, {"messages": [{f"x{n}": n for n in range(1_000)}] * 100}):
        answer = client.post("/v1/messages/batch", json=batch)
        assert (answer.status_code, "too many unknown fields" in answer.json()["detail"]) == (400, True)
    assert sum(process.cpu_times()[:2]) - before < 1.5


def test_a_text_with_too_many_bytes_is_refused_as_too_large(client: httpx.Client) -> None:
    answer = client.post("/v1/rooms/team:big/messages", json={"user": "ada", "text": "\u20ac" * 6_000})
    assert (answer.status_code, answer.json()["reason"]) == (413, "too_large")


def test_unknown_paths_and_methods_are_answered_with_problems(api: apis.Api, client: httpx.Client) -> None:
    missing, wrong = client.get("/v1/nothing"), client.put("/v1/rooms/team:a/messages")
    assert (missing.status_code, missing.json()["reason"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["reason"], wrong.headers["allow"]) == (405, "bad_request", "POST")
    assert all("/v1/openapi.json lists" in answer.json()["detail"] for answer in (missing, wrong))
    assert client.get("/v1/rooms/team%20a/messages").json()["reason"] == "bad_request"
