"""Uploads that differ from their announcement: refused at `media:sign`, by the storage, or by `message:send`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.attack.bad_inputs.targets import Target, message
from tests.gateways import Client, Json, unique
from tests.integration.media_rig import fetch, picture, store

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOBBY = "public:lobby"
BODY = picture(16, 16)
STORED = (200, 201, 204)


async def sign(client: Client, **changes: Any) -> Json:
    """Announce a picture; return the ack, positive or negative."""
    wanted = {"room": LOBBY, "name": "view.png", "type": "image/png", "size": len(BODY)}
    return await client.call("media:sign", wanted | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "image/svg+xml", "name": "a.svg"},
        {"type": "text/html", "name": "a.html"},
        {"type": "application/xhtml+xml", "name": "a.xhtml"},
        {"type": "text/javascript", "name": "a.js"},
        {"type": "image/png\r\nX: y"},
        {"type": "*/*"},
        {"size": 0},
        {"size": 10**9},
        {"size": -1},
        {"name": ""},
    ],
    ids=str,
)
async def test_a_forbidden_upload_gets_no_upload_form(target: Target, changes: Json) -> None:
    client = await target.client(unique("ada"))
    answer = await sign(client, **changes)
    await client.close()
    assert answer["ok"] is False
    assert answer["error"]["reason"] in ("media_refused", "bad_request")


@pytest.mark.parametrize(
    "name", ["../x.png", "%2e%2e/x.png", "a/../../b.png", "/etc/x.png", "a\\..\\b.png", "x.png\x00.svg"]
)
async def test_no_file_name_changes_the_storage_key(target: Target, name: str) -> None:
    client = await target.client(unique("ada"))
    answer = await sign(client, name=name)
    await client.close()
    if answer["ok"]:
        assert answer["fields"]["key"] == f"incoming/{answer['upload']}"
        assert ".." not in answer["url"]
    else:
        assert answer["error"]["reason"] in ("media_refused", "bad_request")


FORGED: dict[str, Callable[[Json], tuple[Json, bytes]]] = {
    "larger": lambda fields: (fields, BODY + b"x" * 10_000),
    "smaller": lambda fields: (fields, BODY[:10]),
    "another type": lambda fields: (fields | {"Content-Type": "image/svg+xml"}, BODY),
    "another key": lambda fields: (fields | {"key": "2026/11/other.png"}, BODY),
    "a longer key": lambda fields: (fields | {"key": fields["key"] + "/../x"}, BODY),
    "no policy": lambda fields: ({name: value for name, value in fields.items() if name != "policy"}, BODY),
    "another policy": lambda fields: (fields | {"policy": fields["policy"][:-8] + "AAAAAAA="}, BODY),
    "another signature": lambda fields: (fields | {"x-amz-signature": "0" * 64}, BODY),
    "public": lambda fields: (fields | {"acl": "public-read"}, BODY),
}


@pytest.mark.parametrize("kind", FORGED)
async def test_the_storage_refuses_a_changed_form_or_file(target: Target, kind: str) -> None:
    client = await target.client(unique("ada"))
    form = await sign(client)
    fields, body = FORGED[kind](form["fields"])
    assert await store({**form, "fields": fields}, body) not in STORED
    assert await client.refused("media:complete", {"upload": form["upload"]}) == "upload_incomplete"
    assert await client.refused("message:send", message(LOBBY, upload=form["upload"])) == "upload_incomplete"
    await client.close()


async def test_a_file_of_another_type_cannot_be_sent(target: Target) -> None:
    """The storage does not compare a file's content with its declared type. The signer does."""
    client = await target.client(unique("ada"))
    script = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>".ljust(len(BODY))
    form = await sign(client, size=len(script))
    assert await store(form, script) in STORED
    assert await client.refused("media:complete", {"upload": form["upload"]}) == "upload_mismatch"
    assert (await client.call("message:send", message(LOBBY, upload=form["upload"])))["ok"] is False
    await client.close()


async def test_a_verified_upload_cannot_be_replaced_or_used_by_another_user(target: Target) -> None:
    ada, eve = await target.client(unique("ada")), await target.client(unique("eve"))
    form = await sign(ada)
    assert await store(form, BODY) in STORED
    assert await eve.refused("media:complete", {"upload": form["upload"]}) in (
        "not_found",
        "forbidden",
        "upload_incomplete",
    )
    await ada.ok("media:complete", {"upload": form["upload"]})
    assert (await eve.call("message:send", message(LOBBY, upload=form["upload"])))["ok"] is False
    other = BODY[:-4] + b"evil"
    await store(form, other)
    await ada.call("media:complete", {"upload": form["upload"]})
    await ada.ok("message:send", message(LOBBY, upload=form["upload"]))
    told = await ada.ok("media:url", {"upload": form["upload"]})
    assert (await fetch(told["url"]))[:2] == (200, BODY)
    await ada.close()
    await eve.close()


async def test_the_storage_refuses_requests_without_a_valid_signature(target: Target) -> None:
    client = await target.client(unique("ada"))
    form = await sign(client)
    await store(form, BODY)
    await client.ok("media:complete", {"upload": form["upload"]})
    signed = (await client.ok("media:url", {"upload": form["upload"]}))["url"]
    await client.close()
    parts = urlsplit(signed)
    bucket = f"{parts.scheme}://{parts.netloc}/{parts.path.split('/')[1]}"
    tampered = (
        signed.partition("?")[0],
        signed.replace("X-Amz-Signature=", "X-Amz-Signature=0"),
        signed.replace("X-Amz-Expires=", "X-Amz-Expires=9"),
        signed.replace(parts.path, parts.path[:-5] + "x.png"),
        f"{bucket}/?list-type=2",
        f"{bucket}/?list-type=2&X-Amz-Signature=0&X-Amz-Credential=roomcast",
    )
    async with aiohttp.ClientSession() as http:
        for url in tampered:
            async with http.get(url) as answer:
                assert answer.status in (400, 403), url
        async with http.put(signed, data=b"evil") as answer:
            assert answer.status in (400, 403, 405)
    assert (await fetch(signed))[:2] == (200, BODY)
