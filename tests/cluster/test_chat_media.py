"""A picture's way through a real cluster: announced on one gateway, stored through nginx, seen on the other."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from deploy.cluster import Cluster
from tests.cluster.people import LOBBY, Party, Person
from tests.cluster.wires import Json
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


async def test_what_was_not_stored_is_no_message(pair: list[Person]) -> None:
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


async def test_another_person_cannot_send_it(pair: list[Person]) -> None:
    ada, bob = pair
    body = picture()
    form = await sign(ada, len(body))
    assert await store(form, body) in (200, 201, 204)
    await ada.call("media:complete", upload=form["upload"])
    payload = {"room": LOBBY, "id": f"{bob.user}-1", "upload": form["upload"]}
    assert (await bob.wire.call("message:send", payload, 5))["ok"] is False
