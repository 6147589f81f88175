"""Sign, upload, complete and download files, by POST and by PUT, with a real Redis, storage and signer."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import redis

from roomcast.contract import keys
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.media import MediaComplete, MediaSign, MediaUrl
from roomcast.media.file_names import saved_name
from tests import s3
from tests.integration import media_rig as rig
from tests.redis_accounts import redis_with_accounts
from tests.unit.media import samples

ROOM = "public:lobby"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="module")
def storage(folder: Path) -> Iterator[s3.S3]:
    with s3.s3_server_on(folder) as server:
        yield server


@pytest.fixture(scope="module")
def url_of(folder: Path) -> Iterator[Callable[[str], str]]:
    """Run a Redis server with an account per kind of process; yield a function that returns an account's URL."""
    with redis_with_accounts(folder) as url_of:
        yield url_of


@pytest.fixture(scope="module", params=["POST", "PUT"])
def signer(
    request: pytest.FixtureRequest, folder: Path, url_of: Callable[[str], str], storage: s3.S3
) -> Iterator[rig.Signer]:
    with rig.signer(folder, url_of("media"), storage.endpoint, ROOMCAST_MEDIA_METHOD=request.param) as running:
        yield running


@pytest.fixture
async def gateway(url_of: Callable[[str], str], signer: rig.Signer) -> AsyncIterator[rig.Gateway]:
    async with rig.gateway(url_of("gateway")) as running:
        yield running


@pytest.fixture
def ada() -> str:
    """Return the id of a new user, because quotas count per user."""
    return f"ada-{secrets.token_hex(4)}"


def announce(body: bytes, content_type: str = "image/png", name: str = "cat.png") -> MediaSign:
    return MediaSign(ROOM, name, content_type, len(body))


async def code_of(waiting: object) -> Code:
    with pytest.raises(RoomcastError) as caught:
        await waiting  # type: ignore[misc]
    return caught.value.code


async def test_a_picture_is_announced_uploaded_completed_and_downloaded(gateway: rig.Gateway, ada: str) -> None:
    body = rig.picture(40, 30)
    form = await gateway.media.sign_upload(ada, announce(body, name="a cat’s picture.png"))
    assert await rig.store(form, body) in (200, 204)
    media = (await gateway.media.complete_upload(ada, MediaComplete(form["upload"])))["media"]
    assert {k: v for k, v in media.items() if k != "url"} == {
        "upload": form["upload"],
        "type": "image/png",
        "size": len(body),
        "name": "a cat’s picture.png",
        "width": 40,
        "height": 30,
    }
    status, stored, headers = await rig.fetch(media["url"])
    assert (status, stored, headers["content-type"]) == (200, body, "image/png")
    assert headers["content-disposition"].startswith("inline; filename=")
    assert await gateway.uploads.read_verified(form["upload"], ada, ROOM) == media


async def test_the_server_chooses_the_object_key(gateway: rig.Gateway, ada: str) -> None:
    body = rig.picture()
    form = await gateway.media.sign_upload(ada, announce(body))
    await rig.store(form, body)
    url = (await gateway.media.complete_upload(ada, MediaComplete(form["upload"])))["media"]["url"]
    path = url.partition("?")[0]
    assert path.endswith(f"/{form['upload']}.png")
    assert "incoming" not in path
    assert "cat" not in path


@pytest.mark.parametrize("extra", [1, -1])
async def test_the_storage_refuses_a_file_of_another_size(gateway: rig.Gateway, ada: str, extra: int) -> None:
    body = rig.picture()
    form = await gateway.media.sign_upload(ada, announce(body))
    other = body + b"x" if extra > 0 else body[:-1]
    assert await rig.store(form, other) in (400, 403)
    assert await code_of(gateway.media.complete_upload(ada, MediaComplete(form["upload"]))) is Code.UPLOAD_INCOMPLETE


async def test_the_storage_refuses_another_content_type(gateway: rig.Gateway, ada: str) -> None:
    body = rig.picture()
    form = await gateway.media.sign_upload(ada, announce(body))
    assert await rig.store(form, body, **{"Content-Type": "image/svg+xml"}) == 403
    assert await code_of(gateway.media.complete_upload(ada, MediaComplete(form["upload"]))) is Code.UPLOAD_INCOMPLETE


async def test_the_storage_refuses_another_key(gateway: rig.Gateway, ada: str) -> None:
    body = rig.picture()
    form = await gateway.media.sign_upload(ada, announce(body))
    if form["method"] == "PUT":
        form["url"] = form["url"].replace("incoming/", "2026/01/")
        assert await rig.store(form, body) == 403
    else:
        assert await rig.store(form, body, key="2026/01/x.png") == 403


async def test_the_storage_refuses_a_tampered_signature(gateway: rig.Gateway, ada: str) -> None:
    body = rig.picture()
    form = await gateway.media.sign_upload(ada, announce(body))
    form["url"] = form["url"].replace("X-Amz-Signature=", "X-Amz-Signature=0")
    assert await rig.store(form, body, **({"x-amz-signature": "0" * 64} if form["method"] == "POST" else {})) == 403


@pytest.mark.parametrize(
    "body", [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<!doctype html><script>alert(1)</script>", b"GIF89a"]
)
async def test_a_file_whose_content_is_not_of_the_announced_type_is_refused(
    gateway: rig.Gateway, ada: str, body: bytes
) -> None:
    form = await gateway.media.sign_upload(ada, announce(body))
    assert await rig.store(form, body) in (200, 204)
    assert await code_of(gateway.media.complete_upload(ada, MediaComplete(form["upload"]))) is Code.UPLOAD_MISMATCH
    assert await code_of(gateway.uploads.read_verified(form["upload"], ada, ROOM)) is Code.UPLOAD_INCOMPLETE


@pytest.mark.parametrize(
    ("name", "announced", "kept", "body"),
    [
        ("photo.JPG", "image/jpg", "image/jpeg", samples.image("JPEG")),
        ("IMG_0001.HEIC", "", "image/heic", samples.heif(b"heic", (512, 512), (4032, 3024))),
        ("song.mp3", "audio/mp3", "audio/mpeg", samples.SAMPLES["audio/mpeg"][0]),
        ("clip.MOV", "video/quicktime", "video/quicktime", samples.SAMPLES["video/quicktime"][0]),
        ("table.csv", "application/vnd.ms-excel", "text/csv", "Straße;5 €\r\n".encode("cp1252")),
        ("notes.md", "application/octet-stream", "text/markdown", "# Grüße\n".encode("utf-16")),
        ("議事録2026／09.pdf", "application/pdf", "application/pdf", b"\xef\xbb\xbf\n%PDF-1.7\n"),
        ("50%2F50.pdf", "application/x-pdf", "application/pdf", b"\n%PDF-1.7\n"),
        ("👩\u200d💻.gif", "image/gif", "image/gif", samples.image("GIF")),
        ("plan.docx", "", f"{samples.OFFICE}wordprocessingml.document", samples.archive("word/document.xml")),
    ],
)
async def test_common_files_keep_their_names_and_get_their_types(
    gateway: rig.Gateway, ada: str, name: str, announced: str, kept: str, body: bytes
) -> None:
    form = await gateway.media.sign_upload(ada, announce(body, announced, name))
    assert await rig.store(form, body) in (200, 204)
    media = (await gateway.media.complete_upload(ada, MediaComplete(form["upload"])))["media"]
    assert (media["name"], media["type"], media["size"]) == (name, kept, len(body))
    status, stored, headers = await rig.fetch(media["url"])
    assert (status, stored) == (200, body)
    assert headers["content-type"].partition(";")[0] == kept
    assert f"filename*=UTF-8''{quote(saved_name(name, kept), safe='')}" in headers["content-disposition"]
    if "charset" in media:
        assert headers["content-type"] == f"{kept}; charset={media['charset']}"
        assert stored.decode(media["charset"])
    link = await gateway.media.sign_download(ada, MediaUrl(form["upload"]), ROOM)
    again = (await rig.fetch(link["url"]))[2]
    assert [again[header] for header in ("content-type", "content-disposition")] == [
        headers[header] for header in ("content-type", "content-disposition")
    ]


@pytest.mark.parametrize(
    ("name", "content_type", "size"),
    [
        ("../x", "image/png", 10),
        ("%2e%2e", "image/png", 10),
        ("2026/11/another.png", "image/png", 10),
        ("x.svg", "image/svg+xml", 10),
        ("x.html", "text/html", 10),
        ("x.png", "image/png", 0),
        ("x.png", "image/png", 10_485_761),
    ],
)
async def test_an_upload_that_is_not_allowed_is_not_signed(
    gateway: rig.Gateway, ada: str, name: str, content_type: str, size: int
) -> None:
    asked = gateway.media.sign_upload(ada, MediaSign(ROOM, name, content_type, size))
    assert await code_of(asked) is Code.MEDIA_REFUSED


async def test_repeated_and_concurrent_completions_return_the_same_media(gateway: rig.Gateway, ada: str) -> None:
    body = rig.picture()
    form = await gateway.media.sign_upload(ada, announce(body))
    await rig.store(form, body)
    answers = await asyncio.gather(
        *(gateway.media.complete_upload(ada, MediaComplete(form["upload"])) for _ in range(4))
    )
    answers.append(await gateway.media.complete_upload(ada, MediaComplete(form["upload"])))
    assert all(answer == answers[0] for answer in answers)


async def test_a_form_used_again_after_the_completion_does_not_change_the_file(gateway: rig.Gateway, ada: str) -> None:
    body = rig.picture()
    form = await gateway.media.sign_upload(ada, announce(body))
    await rig.store(form, body)
    media = (await gateway.media.complete_upload(ada, MediaComplete(form["upload"])))["media"]
    assert await rig.store(form, b"\0" * len(body)) in (200, 204)
    assert (await gateway.media.complete_upload(ada, MediaComplete(form["upload"])))["media"] == media
    assert (await rig.fetch(media["url"]))[1] == body


async def test_an_upload_belongs_to_its_owner_and_its_room(gateway: rig.Gateway, ada: str) -> None:
    body = rig.picture()
    form = await gateway.media.sign_upload(ada, announce(body))
    await rig.store(form, body)
    assert await code_of(gateway.media.complete_upload("bob", MediaComplete(form["upload"]))) is Code.NOT_FOUND
    assert await code_of(gateway.uploads.read_verified(form["upload"], ada, ROOM)) is Code.UPLOAD_INCOMPLETE
    await gateway.media.complete_upload(ada, MediaComplete(form["upload"]))
    assert await code_of(gateway.uploads.read_verified(form["upload"], "bob", ROOM)) is Code.NOT_FOUND
    assert await code_of(gateway.uploads.read_verified(form["upload"], ada, "public:other")) is Code.NOT_FOUND
    assert await code_of(gateway.uploads.read_verified("unknown-upload", ada, ROOM)) is Code.UPLOAD_EXPIRED
    assert await code_of(gateway.media.complete_upload(ada, MediaComplete("unknown-upload"))) is Code.UPLOAD_EXPIRED


async def test_an_upload_can_be_sent_only_while_its_record_will_outlive_the_message(
    gateway: rig.Gateway, ada: str, url_of: Callable[[str], str]
) -> None:
    body = rig.picture()
    form = await gateway.media.sign_upload(ada, announce(body))
    await rig.store(form, body)
    media = (await gateway.media.complete_upload(ada, MediaComplete(form["upload"])))["media"]
    month, name = 30 * 86_400, keys.upload(form["upload"])
    with redis.Redis.from_url(url_of("admin")) as client:
        assert month < client.ttl(name) <= month + 86_400
        client.expire(name, month + 60)
        assert await gateway.uploads.read_verified(form["upload"], ada, ROOM) == media
        client.expire(name, month - 60)
        assert await code_of(gateway.uploads.read_verified(form["upload"], ada, ROOM)) is Code.UPLOAD_EXPIRED


async def test_a_download_url_is_signed_only_for_the_room_of_the_upload(gateway: rig.Gateway, ada: str) -> None:
    body = "grüße\n".encode() * 20
    form = await gateway.media.sign_upload(ada, announce(body, "text/plain; charset=utf-8", "notes.txt"))
    assert await code_of(gateway.uploads.read_room(form["upload"])) is Code.NOT_FOUND
    await rig.store(form, body)
    await gateway.media.complete_upload(ada, MediaComplete(form["upload"]))
    assert await gateway.uploads.read_room(form["upload"]) == ROOM
    link = await gateway.media.sign_download("bob", MediaUrl(form["upload"]), ROOM)
    status, stored, headers = await rig.fetch(link["url"])
    assert (status, stored) == (200, body)
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert headers["content-disposition"].startswith("attachment")
    assert set(link) == {"url", "expires"}
    assert await code_of(gateway.media.sign_download("bob", MediaUrl(form["upload"]), "public:other")) is Code.NOT_FOUND
    assert (await rig.fetch(link["url"].replace("Signature=", "Signature=0")))[0] == 403


async def test_media_has_the_width_and_height_of_the_picture(gateway: rig.Gateway, ada: str) -> None:
    for kind, content_type in (("JPEG", "image/jpeg"), ("GIF", "image/gif"), ("WEBP", "image/webp")):
        body = rig.picture(64, 48, kind)
        form = await gateway.media.sign_upload(ada, announce(body, content_type, "photo"))
        await rig.store(form, body)
        media = (await gateway.media.complete_upload(ada, MediaComplete(form["upload"])))["media"]
        assert (media["width"], media["height"], media["type"]) == (64, 48, content_type)


async def test_unfinished_uploads_of_a_user_are_limited(gateway: rig.Gateway, ada: str) -> None:
    for _ in range(20):
        await gateway.media.sign_upload(ada, announce(b"x" * 10))
    with pytest.raises(RoomcastError) as caught:
        await gateway.media.sign_upload(ada, announce(b"x" * 10))
    assert caught.value.code is Code.RATE_LIMITED
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 300
    assert (await gateway.media.sign_upload(f"{ada}-modest", announce(b"x" * 10)))["upload"]
