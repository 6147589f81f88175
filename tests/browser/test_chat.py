"""Tests of the chat between two users on different gateways, through nginx."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Route, expect

from deploy.cluster import Cluster
from tests.browser.page_users import Guest, Guests, unique
from tests.integration.media_rig import picture

SLOW_BYTES_PER_SECOND = 600_000


@pytest.fixture
def room() -> str:
    return unique("public:talk")


def test_two_users_see_messages_typing_and_status_of_each_other(guests: Guests, room: str) -> None:
    ada, bob = guests.apart(room)
    ada.say("hello Bob")
    bob.sees("hello Bob")
    bob.say("hello Ada 🎉")
    ada.sees("hello Ada 🎉")

    bob.find("composer").press_sequentially("I am")
    expect(ada.find("typing")).to_contain_text(bob.name)
    bob.find("composer").fill("")
    expect(ada.find("typing")).to_have_count(0)

    for one, other in ((ada, bob), (bob, ada)):
        one.dot(other.user, "online").wait_for()
    ada_user, bob_user = ada.user, bob.user
    bob.find("status").select_option("busy")
    ada.dot(bob_user, "busy").wait_for()
    ada.find("status").select_option("away")
    bob.dot(ada_user, "away").wait_for()
    bob.page.context.close()
    ada.dot(bob_user, "offline").wait_for()


def test_an_upload_of_a_picture_shows_progress_and_the_recipient_can_enlarge_it(guests: Guests, room: str) -> None:
    ada, bob = guests.apart(room)
    ada.watch_for("upload-progress")
    slow_down(ada)
    ada.find("file-input").set_input_files({"name": "view.png", "mimeType": "image/png", "buffer": picture(700, 500)})
    image = bob.find("media-image", loaded="true")
    image.wait_for()
    assert image.evaluate("(image) => [image.naturalWidth, image.naturalHeight]") == [700, 500]
    expect(image).to_have_attribute("alt", "view.png")
    ada.find("media-image", loaded="true").wait_for()
    expect(ada.find("upload-progress")).to_have_count(0)
    assert any(0 < int(str(value)) < 100 for value in ada.was_seen("upload-progress"))
    image.click()
    bob.find("lightbox").wait_for()
    bob.page.keyboard.press("Escape")
    expect(bob.find("lightbox")).to_have_count(0)


def slow_down(guest: Guest) -> None:
    """Limit the page's upload rate, so that an upload takes long enough to show progress."""
    link = guest.page.context.new_cdp_session(guest.page)
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": SLOW_BYTES_PER_SECOND}
    link.send("Network.emulateNetworkConditions", limits)


def test_a_cancelled_upload_sends_no_message(guests: Guests, room: str, cluster: Cluster) -> None:
    ada, bob = guests.apart(room)
    held: list[Route] = []
    ada.page.route(lambda url: url.startswith(cluster.url) and "socket.io" not in url, lambda route: held.append(route))
    ada.find("file-input").set_input_files({"name": "oops.png", "mimeType": "image/png", "buffer": picture()})
    ada.find("upload-progress").wait_for()
    expect(ada.page.locator(".upload")).to_have_attribute("data-phase", "sending")
    ada.find("upload-cancel").click()
    expect(ada.find("upload-progress")).to_have_count(0)
    ada.say("never mind")
    bob.sees("never mind")
    for guest in (ada, bob):
        expect(guest.find("message")).to_have_count(1)


def test_the_recipient_sees_an_edit_reactions_and_a_deletion(guests: Guests, room: str) -> None:
    ada, bob = guests.apart(room)
    ada.say("helo")
    ada.messages("helo").hover()
    ada.find("edit").click()
    expect(ada.find("composer")).to_have_value("helo")
    ada.write("hello")
    expect(bob.messages(re.compile(r"^hello"))).to_contain_text("edited")

    bob.messages("hello").hover()
    emoji = bob.find("react").first.inner_text()
    bob.find("react").first.click()
    expect(ada.find("reaction")).to_have_text(re.compile(rf"{emoji}\s*1"))
    ada.find("reaction").click()
    expect(bob.find("reaction")).to_have_text(re.compile(rf"{emoji}\s*2"))
    bob.find("reaction").click()
    expect(ada.find("reaction")).to_have_text(re.compile(rf"{emoji}\s*1"))

    ada.messages("hello").hover()
    ada.find("delete").click()
    ada.find("confirm-delete").click()
    for guest in (ada, bob):
        expect(guest.find("message")).to_contain_text("This message was deleted.")
        expect(guest.find("reaction")).to_have_count(0)


def test_a_private_room_opens_by_its_link_only_after_an_invitation(guests: Guests, room: str) -> None:
    ada, bob = guests.apart(room)
    ada.find("new-room").click()
    ada.page.get_by_label("Name", exact=True).fill("Surprise party")
    ada.page.get_by_text("Private", exact=True).click()
    ada.page.get_by_role("button", name="Create room").click()
    expect(ada.page.get_by_role("heading", level=1)).to_have_text("Surprise party")
    ada.say("he must not know")

    bob.page.goto(ada.page.url)
    bob.page.get_by_role("heading", name="You cannot enter this room").wait_for()
    ada.page.get_by_role("button", name="Invite somebody").click()
    ada.find("invite-people").fill(bob.user)
    ada.find("invite-people-option", key=bob.user).click()
    bob.sees("he must not know")
    expect(bob.page.get_by_role("heading", level=1)).to_have_text("Surprise party")


def test_a_user_joins_a_public_room_by_its_link(guests: Guests, room: str) -> None:
    ada, bob = guests.apart("public:lobby")
    ada.go(room)
    ada.say("come in")
    bob.find("new-room").click()
    bob.page.get_by_label("Join by link").fill(ada.page.url)
    bob.page.get_by_role("button", name="Join", exact=True).click()
    bob.sees("come in")


def test_the_room_list_counts_unread_messages(guests: Guests, room: str) -> None:
    ada, bob = guests.apart(room)
    ada.say("before")
    bob.sees("before")
    bob.go("public:lobby")
    for number in range(3):
        ada.say(f"news {number}")
    item = bob.find("room-item", room=room)
    expect(item).to_have_attribute("data-unread", "3")
    expect(item).to_contain_text("news 2")
    expect(bob.page).to_have_title(re.compile(r"^\(\d+\) "))
    item.click()
    bob.find("unread-line").wait_for()
    bob.sees("news 2")
    expect(item).to_have_attribute("data-unread", "0")


@pytest.mark.timeout(90)
def test_messages_written_while_a_gateway_is_killed_arrive_once(guests: Guests, room: str, cluster: Cluster) -> None:
    ada, bob = guests.apart(room)
    ada.say("before")
    guests.ignores_network = True
    ada.watch_for("banner")
    gone = ada.node
    pid = cluster.kill(f"gateway{gone}")
    ada.page.locator('body[data-connected="false"]').wait_for(state="attached")
    ada.write("meanwhile")
    bob.say("bob meanwhile")
    ada.wait_connected(node=gone)
    assert ada.was_seen("banner")
    expect(ada.find("banner")).to_have_count(0)
    expect(ada.messages(re.compile("^meanwhile"))).to_have_attribute("data-state", "sent")
    bob.say("after")
    for guest in (ada, bob):
        guest.sees("after")
        expect(guest.messages(re.compile("^meanwhile"))).to_have_count(1)
        expect(guest.find("message")).to_have_count(4)
    cluster.wait_replaced(f"gateway{gone}", pid)


@pytest.mark.timeout(90)
def test_a_reload_keeps_the_sign_in_and_unsent_messages(guests: Guests, room: str, cluster: Cluster) -> None:
    ada, bob = guests.apart(room)
    guests.ignores_network = True
    cluster.scale(0)
    try:
        ada.page.locator('body[data-connected="false"]').wait_for(state="attached")
        ada.write("kept over a reload")
        ada.find("message", state="sending").wait_for()
        ada.page.reload()
        expect(ada.find("name-input")).to_have_count(0)
    finally:
        cluster.scale(2)
    ada.wait_connected()
    bob.wait_connected()
    for guest in (ada, bob):
        guest.sees("kept over a reload")
    expect(ada.messages("kept over a reload")).to_have_attribute("data-state", "sent")


def test_the_sign_out_is_kept_over_a_reload(guests: Guests, room: str) -> None:
    ada = guests.enter("Ada", room)
    ada.find("sign-out").click()
    ada.find("name-input").wait_for()
    ada.page.reload()
    ada.find("name-input").wait_for()
