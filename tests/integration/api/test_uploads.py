"""A back end uploads files on behalf of users through the HTTP API, with a real signer and an S3 server."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

TEXT = b"a file of a back end"


def form(client: httpx.Client, **more: Any) -> httpx.Response:
    body = {"user": "ada", "room": "team:files", "name": "note.txt", "type": "text/plain", "size": len(TEXT)} | more
    return client.post("/v1/uploads", json=body)


def send(upload: dict[str, Any], content: bytes = TEXT) -> int:
    return httpx.post(upload["url"], data=upload["fields"], files={"file": content}, trust_env=False).status_code


@pytest.mark.usefixtures("signer")
def test_an_uploaded_file_can_be_sent_as_a_message(client: httpx.Client) -> None:
    upload = form(client).json()
    early = {"user": "ada", "upload": upload["upload"]}
    assert client.post("/v1/rooms/team:files/messages", json=early).json()["reason"] == "upload_incomplete"
    assert send(upload) in (200, 201, 204)
    done = client.post(f"/v1/uploads/{upload['upload']}/complete", json={"user": "ada"})
    assert (done.json()["media"]["size"], done.json()["media"]["type"]) == (len(TEXT), "text/plain")
    link = client.get(f"/v1/uploads/{upload['upload']}/link", params={"user": "bob"}).json()
    assert httpx.get(link["url"], trust_env=False).content == TEXT

    sent = client.post("/v1/rooms/team:files/messages", json=early | {"text": "see", "data": {"ticket": 7}})
    assert sent.status_code == 201
    (message,) = client.get("/v1/rooms/team:files/messages").json()["messages"]
    assert (message["kind"], message["text"], message["data"]) == ("media", "see", {"ticket": 7})
    assert message["media"]["upload"] == upload["upload"]
    for body in ({"user": "bob"}, {"user": "ada", "room": "team:other"}):
        room = body.pop("room", "team:files")
        answer = client.post(f"/v1/rooms/{room}/messages", json=body | {"upload": upload["upload"]})
        assert answer.json()["reason"] == "not_found"


@pytest.mark.usefixtures("signer")
def test_files_that_are_not_allowed_are_refused(client: httpx.Client) -> None:
    assert form(client, name="x.exe", type="application/x-msdownload").json()["reason"] == "media_refused"
    unknown = client.post("/v1/uploads/unknown-upload/complete", json={"user": "ada"})
    assert (unknown.status_code, unknown.json()["reason"]) == (404, "upload_expired")
    assert client.get("/v1/uploads/unknown-upload/link", params={"user": "ada"}).json()["reason"] == "not_found"
