"""A picture in a real cluster: signed on one gateway, stored through nginx, received on the other gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from yarl import URL

from deploy.cluster import Cluster
from tests.cluster.room_clients import LOBBY, Party, Person
from tests.cluster.stock_clients import Json
from tests.integration.media_rig import fetch, picture, store


@pytest.fixture
async def pair(cluster: Cluster) -> AsyncIterator[list[Person]]:
    party = Party(cluster)
    people = await party.apart()
    for person in people:
        await person.join(LOBBY)
    yield people
    await party.close()


async def sign(person: Person, size: int, **more: object) -> Json:
    return await person.call("media:sign", room=LOBBY, name="view.png", type="image/png", size=size, **more)


async def test_a_picture_arrives_with_the_same_bytes(pair: list[Person], cluster: Cluster) -> None:
    for sender, receiver in (pair, pair[::-1]):
        body = picture(64, 48)
        form = await sign(sender, len(body), width=64, height=48)
        assert form["url"].startswith(cluster.url)
        assert await store(form, body) in (200, 201, 204)
        media = (await sender.call("media:complete", upload=form["upload"]))["media"]
        assert (media["type"], media["size"], media["width"], media["height"]) == ("image/png", len(body), 64, 48)
        said = await sender.send("look", upload=form["upload"])
        told = await receiver.expect("message", seq=said["seq"])
        assert (told["kind"], told["text"], told["media"]["name"]) == ("media", "look", "view.png")
        status, found, headers = await fetch(told["media"]["url"])
        assert (status, found == body, headers["content-type"]) == (200, True, "image/png")
        fresh = await receiver.call("media:url", upload=form["upload"])
        assert (await fetch(fresh["url"]))[:2] == (200, body)


async def test_an_upload_that_was_not_stored_cannot_be_sent(pair: list[Person]) -> None:
    ada, bob = pair
    form = await sign(ada, 100)
    payload = {"room": LOBBY, "id": form["upload"], "upload": form["upload"]}
    refused = [
        await ada.wire.call("media:complete", {"upload": form["upload"]}, 5),
        await ada.wire.call("message:send", payload, 5),
    ]
    assert [(answer["ok"], answer["error"]["reason"]) for answer in refused] == [(False, "upload_incomplete")] * 2
    after = await ada.send("after")
    await bob.expect("message", seq=after["seq"])
    assert not bob.seen("message", id=form["upload"])


async def test_another_user_cannot_send_the_upload(pair: list[Person]) -> None:
    ada, bob = pair
    body = picture()
    form = await sign(ada, len(body))
    assert await store(form, body) in (200, 201, 204)
    await ada.call("media:complete", upload=form["upload"])
    payload = {"room": LOBBY, "id": f"{bob.user}-1", "upload": form["upload"]}
    assert (await bob.wire.call("message:send", payload, 5))["ok"] is False


def forged_queries(access_key: str) -> list[str]:
    """Return queries that contain the access key, as every link does, but no valid signature."""
    scope = f"{access_key}/20261127/us-east-1/s3/aws4_request"
    query = f"X-Amz-Credential={scope}&X-Amz-Date=20261127T100000Z&X-Amz-Expires=604800&X-Amz-SignedHeaders=host"
    return [
        "",
        f"X-Amz-Credential={scope}",
        f"AWSAccessKeyId={access_key}",
        f"AWSAccessKeyId={access_key}&Signature=x&Expires=99999999999",
        f"{query}&X-Amz-Signature={'0' * 64}",
        f"X-Amz-Algorithm=AWS4-HMAC-SHA256&{query}&X-Amz-Signature={'0' * 64}",
    ]


async def test_the_access_key_of_a_link_gives_no_access(pair: list[Person], cluster: Cluster) -> None:
    """Listing, reading, and overwriting by PUT and by form are refused through nginx, and the file is unchanged."""
    ada, _ = pair
    body = picture(64, 48)
    form = await sign(ada, len(body))
    await store(form, body)
    link = (await ada.call("media:complete", upload=form["upload"]))["media"]["url"]
    access_key = cluster.control.credentials.s3_access_key
    assert access_key in link
    file = link.partition("?")[0]
    bucket = form["url"].partition("?")[0]
    headers = {"Authorization": f"AWS {access_key}:x"}
    async with aiohttp.ClientSession() as session:
        for query in forged_queries(access_key):
            for verb, url in (("GET", file), ("GET", bucket), ("PUT", file), ("HEAD", file)):
                answer = await session.request(verb, URL(f"{url}?{query}", encoded=True), headers=headers)
                assert answer.status == 403, f"{verb} {url}?{query}"
            fields = {"key": file.partition("/roomcast-media/")[2], "AWSAccessKeyId": access_key, "file": "overwritten"}
            parts = aiohttp.FormData()
            for name, value in fields.items():
                parts.add_field(name, value)
            parts.add_field("x-amz-credential", f"{access_key}/20261127/us-east-1/s3/aws4_request")
            answer = await session.post(URL(f"{bucket}?{query}", encoded=True), data=parts)
            assert answer.status == 403, f"a form to {bucket}?{query}"
    assert (await fetch(link))[:2] == (200, body)
