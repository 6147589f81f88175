"""The three requests of the signer (sign, complete, url), over records and a storage in memory."""

from __future__ import annotations

from typing import Any, cast

import pytest

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.media import Media
from roomcast.media.detection import HEAD_BYTES
from roomcast.media.dimensions import LONG_HEAD_BYTES
from roomcast.media.file_types import FILE_TYPES
from roomcast.media.policy import Announced, Policy
from roomcast.media.records import Busy, Claimed, Records, Verified
from roomcast.media.service import Service, Settings
from roomcast.media.storage import ChangedError, RefusedError, Storage
from tests.unit.media.fakes import Files, Requests, Uploads, request
from tests.unit.media.samples import image, png_header

ROOM = "public:lobby"
UPLOAD = "upload-0001"
SOURCE, TARGET = f"incoming/{UPLOAD}", f"2026/11/{UPLOAD}.png"
PICTURE = image("PNG")
MEDIA: Media = {"upload": UPLOAD, "url": "https://files/old", "type": "image/png", "size": 9, "name": "cat.png"}


class Rig:
    """A service over fakes."""

    def __init__(self, *states: Claimed | Busy | Verified, files: Files | None = None) -> None:
        self.files, self.uploads = files or Files(), Uploads(*states)
        self.refusal: RoomcastError | None = None
        self.service = Service(
            cast("Records", self.uploads),
            cast("Storage", self.files),
            Policy(frozenset(FILE_TYPES), 10_000_000, 1_000_000),
            Settings(300, 3600),
            Requests(now_ms=5_000),
            lambda: UPLOAD,
            lambda: self.refusal,
        )

    async def handle(self, action: str, **args: Any) -> dict[str, Any]:
        return await self.service.handle(request(action, **args))

    async def code_of(self, action: str, **args: Any) -> Code:
        with pytest.raises(RoomcastError) as caught:
            await self.handle(action, **args)
        return caught.value.code


def claimed(size: int = len(PICTURE), content_type: str = "image/png", name: str = "cat.png") -> Claimed:
    return Claimed(TARGET, Announced(name, content_type, size))


def stored(body: bytes = PICTURE, content_type: str = "image/png") -> Files:
    files = Files()
    files.objects[SOURCE] = (body, content_type)
    return files


# --- sign -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "part"), [("POST", "fields"), ("PUT", "headers")])
async def test_a_form_for_an_alias_of_a_type_is_signed_for_the_type(method: Any, part: str) -> None:
    rig = Rig(files=Files(method))
    answer = await rig.handle("sign", room=ROOM, name="Photo.JPG", type="image/jpg", size=10)
    assert answer.keys() == {"upload", "method", "url", "expires", part}
    assert (answer["upload"], answer["method"], answer["expires"]) == (UPLOAD, method, 1_795_000_300_000)
    assert rig.uploads.opened == [(f"2026/11/{UPLOAD}.jpg", Announced("Photo.JPG", "image/jpeg", 10))]
    assert rig.files.calls == [("form", SOURCE, "image/jpeg", "10")]


async def test_no_form_is_signed_while_the_storage_refuses_the_signer() -> None:
    rig = Rig()
    rig.refusal = RefusedError("storage: probe: SignatureDoesNotMatch")
    with pytest.raises(RoomcastError) as caught:
        await rig.handle("sign", room=ROOM, name="cat.png", type="image/png", size=10)
    assert caught.value.code is Code.MEDIA_UNAVAILABLE
    assert caught.value.retry_after == 5.0
    assert "Signature" not in caught.value.detail
    assert rig.uploads.opened == []


async def test_uploads_over_quota_and_malformed_arguments_are_refused() -> None:
    rig = Rig()
    rig.uploads.quota = RoomcastError(Code.RATE_LIMITED)
    assert await rig.code_of("sign", room=ROOM, name="cat.png", type="image/png", size=10) is Code.RATE_LIMITED
    assert await rig.code_of("sign", room=ROOM) is Code.BAD_REQUEST
    assert await rig.code_of("complete", upload="?") is Code.BAD_REQUEST
    assert await rig.code_of("url", upload=UPLOAD) is Code.BAD_REQUEST


# --- complete ---------------------------------------------------------------------------------------------------------


async def test_a_completion_verifies_the_copy_and_then_deletes_the_original() -> None:
    rig = Rig(claimed(), files=stored())
    media = (await rig.handle("complete", upload=UPLOAD))["media"]
    assert media == {
        "upload": UPLOAD,
        "url": f"https://files/{TARGET}",
        "type": "image/png",
        "size": len(PICTURE),
        "name": "cat.png",
        "width": 40,
        "height": 30,
    }
    assert [call[0] for call in rig.files.calls] == ["head", "copy", "read", "link", "delete"]
    assert rig.files.calls[2] == ("read", TARGET, str(HEAD_BYTES))
    assert rig.uploads.released == []
    assert SOURCE not in rig.files.objects


async def test_the_media_of_a_text_file_has_its_charset() -> None:
    body = "Grüße".encode("cp1252")
    rig = Rig(claimed(len(body), "text/plain", "a.txt"), files=stored(body, "text/plain; charset=x"))
    media = (await rig.handle("complete", upload=UPLOAD))["media"]
    assert media["charset"] == "windows-1252"
    assert ("link", TARGET, "text/plain; charset=windows-1252") in rig.files.calls


async def test_a_repeated_completion_gets_the_same_answer() -> None:
    rig = Rig(Verified(MEDIA))
    assert (await rig.handle("complete", upload=UPLOAD))["media"] == MEDIA
    assert rig.files.calls == []


async def test_a_second_completion_waits_for_the_first() -> None:
    rig = Rig(Busy(), Verified(MEDIA))
    assert (await rig.handle("complete", upload=UPLOAD))["media"] == MEDIA


async def test_an_upload_without_an_object_is_incomplete_and_its_claim_is_released() -> None:
    rig = Rig(claimed())
    assert await rig.code_of("complete", upload=UPLOAD) is Code.UPLOAD_INCOMPLETE
    assert rig.uploads.released == [UPLOAD]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (PICTURE + b"x", "image/png"),
        (PICTURE, "image/gif"),
        (b"<svg/>" + bytes(len(PICTURE) - 6), "image/png"),
        (png_header(2_000, 501).ljust(len(PICTURE), b"\0"), "image/png"),
        (PICTURE[:20].ljust(len(PICTURE), b"\0"), "image/png"),
    ],
    ids=["another size", "another stored type", "bytes of another type", "too many pixels", "no readable header"],
)
async def test_a_file_that_fails_verification_leaves_no_copy(body: bytes, content_type: str) -> None:
    rig = Rig(claimed(len(PICTURE)), files=stored(body, content_type))
    assert await rig.code_of("complete", upload=UPLOAD) is Code.UPLOAD_MISMATCH
    assert TARGET not in rig.files.objects
    assert rig.uploads.released == [UPLOAD]


async def test_the_size_of_an_image_with_a_long_header_is_found_by_a_longer_read() -> None:
    body = image("JPEG", icc_profile=b"x" * 200_000)
    rig = Rig(claimed(len(body), "image/jpeg"), files=stored(body, "image/jpeg"))
    media = (await rig.handle("complete", upload=UPLOAD))["media"]
    assert (media["width"], media["height"]) == (40, 30)
    assert ("read", TARGET, str(LONG_HEAD_BYTES)) in rig.files.calls


async def test_an_upload_whose_object_changes_during_completion_is_incomplete() -> None:
    for call in ("copy", "read"):
        rig = Rig(claimed(), files=stored())
        rig.files.failing[call] = ChangedError(SOURCE)
        assert await rig.code_of("complete", upload=UPLOAD) is Code.UPLOAD_INCOMPLETE
        assert rig.uploads.released == [UPLOAD]


async def test_an_error_of_the_copy_is_raised_and_an_error_of_the_final_deletion_is_ignored() -> None:
    away = RoomcastError(Code.MEDIA_UNAVAILABLE)
    rig = Rig(claimed(), files=stored())
    rig.files.failing["copy"] = away
    assert await rig.code_of("complete", upload=UPLOAD) is Code.MEDIA_UNAVAILABLE
    rig = Rig(claimed(), files=stored())
    rig.files.failing["delete"] = away
    assert (await rig.handle("complete", upload=UPLOAD))["media"]["width"] == 40


# --- url --------------------------------------------------------------------------------------------------------------


async def test_only_a_verified_upload_has_a_link_and_only_in_its_own_room() -> None:
    rig = Rig()
    assert await rig.code_of("url", upload=UPLOAD, room=ROOM) is Code.NOT_FOUND
    rig.uploads.found = (ROOM, TARGET, None)
    assert await rig.code_of("url", upload=UPLOAD, room=ROOM) is Code.NOT_FOUND
    rig.uploads.found = (ROOM, TARGET, MEDIA | {"type": "text/csv", "charset": "utf-16le"})
    assert await rig.code_of("url", upload=UPLOAD, room="public:other") is Code.NOT_FOUND
    answer = await rig.handle("url", upload=UPLOAD, room=ROOM)
    assert answer == {"url": f"https://files/{TARGET}", "expires": 3_605_000, "room": ROOM}
    assert rig.files.calls[-1] == ("link", TARGET, "text/csv; charset=utf-16le")
