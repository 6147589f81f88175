"""Tests of files on the page: failed uploads, leaving the page during an upload, players."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from playwright.sync_api import Dialog, FilePayload, Route, expect

from deploy.cluster import Cluster
from tests.browser.page_users import Guest, Guests, unique
from tests.browser.recording import RECORD
from tests.integration.media_rig import picture

VIEW: FilePayload = {"name": "view.png", "mimeType": "image/png", "buffer": picture()}

PLAY = """async (player) => {
    player.muted = true;
    await player.play();
    return new Promise((done) => {
        const look = () => (player.currentTime > 0.2 ? done(player.currentTime) : requestAnimationFrame(look));
        look();
    });
}"""


@pytest.fixture
def room() -> str:
    return unique("public:files")


def to_storage(cluster: Cluster) -> Callable[[str], bool]:
    return lambda url: url.startswith(cluster.url) and "/socket.io/" not in url and "/assets/" not in url


def test_a_failed_upload_can_be_retried(guests: Guests, room: str, cluster: Cluster) -> None:
    ada = guests.enter("Ada", room)
    guests.ignores_network = True
    ada.page.route(to_storage(cluster), lambda route: route.fulfill(status=403))
    ada.find("file-input").set_input_files(VIEW)
    upload = ada.find("upload", phase="failed")
    expect(upload.get_by_role("alert")).to_be_visible()
    ada.page.unroute_all()
    upload.get_by_test_id("upload-retry").click()
    ada.find("media-image", loaded="true").wait_for()
    expect(ada.find("upload")).to_have_count(0)
    expect(ada.find("message")).to_have_count(1)


def test_an_upload_continues_while_another_room_is_open(guests: Guests, room: str, cluster: Cluster) -> None:
    ada = guests.enter("Ada", room)
    held: list[Route] = []
    ada.page.route(to_storage(cluster), lambda route: held.append(route))
    ada.find("file-input").set_input_files(VIEW)
    expect(ada.find("upload", phase="sending")).to_be_visible()
    show(ada, "public:lobby")
    expect(ada.find("upload")).to_have_count(0)
    show(ada, room)
    expect(ada.find("upload", phase="sending")).to_be_visible()
    show(ada, "public:lobby")
    for route in held:
        route.continue_()
    ada.page.unroute_all()
    expect(ada.find("room-item", room=room)).to_contain_text("You: Image")
    show(ada, room)
    ada.find("media-image", loaded="true").wait_for()


def show(guest: Guest, room: str) -> None:
    guest.find("room-item", room=room).click()
    expect(guest.find("room-item", room=room)).to_have_attribute("aria-current", "page")


def test_leaving_the_page_during_an_upload_asks_first(guests: Guests, room: str, cluster: Cluster) -> None:
    ada = guests.enter("Ada", room)
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    ada.page.on("dialog", stay)
    held: list[Route] = []
    ada.page.route(to_storage(cluster), lambda route: held.append(route))
    ada.find("composer").click()  # a browser asks only if the user has used the page
    ada.find("file-input").set_input_files(VIEW)
    expect(ada.find("upload", phase="sending")).to_be_visible()
    with ada.page.expect_event("dialog"):
        ada.page.evaluate("setTimeout(() => location.reload(), 0)")
    assert asked == ["beforeunload"]
    expect(ada.find("upload", phase="sending")).to_be_visible()
    ada.find("upload-cancel").click()
    expect(ada.find("upload")).to_have_count(0)
    ada.page.unroute_all()
    ada.page.reload()
    ada.wait_connected()
    assert asked == ["beforeunload"]


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_a_recording_can_be_played_by_the_recipient(guests: Guests, room: str, kind: str) -> None:
    ada, bob = guests.enter("Ada", room), guests.enter("Bob", room)
    recording = base64.b64decode(ada.page.evaluate(RECORD, kind))
    name = "take.webm" if kind == "video" else "take.weba"
    ada.find("file-input").set_input_files({"name": name, "mimeType": f"{kind}/webm", "buffer": recording})
    player = bob.find(f"media-{kind}")
    player.wait_for()
    assert player.evaluate(PLAY) > 0
    expect(bob.find("room-item", room=room)).to_contain_text(kind.capitalize())
    if kind == "video":
        assert player.evaluate("(video) => [video.videoWidth, video.videoHeight]") == [320, 180]
        expect(player).to_have_css("width", "320px")
        expect(player).to_have_css("height", "180px")
