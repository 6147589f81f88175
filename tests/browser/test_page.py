"""Tests of layout and accessibility (by axe): on a computer and a phone, in light and dark, by keyboard."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Locator, ViewportSize, expect

from deploy import browser, web_build
from tests.browser.page_users import PHONE, WIDE, Guest, Guests, Scheme, unique
from tests.browser.recording import RECORD
from tests.integration.media_rig import picture

NARROWEST: ViewportSize = {"width": 320, "height": 600}
SIZES = {"wide": WIDE, "phone": PHONE}
SCHEMES = ["light", "dark"]
SERIOUS = ("serious", "critical")
LONG = "https://example.org/" + "a-very-long-address-without-a-break-" * 6
MAX_TABS = 40
NEXT_FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
OUTSIDE = """(times) => times.filter((time) =>
    time.getBoundingClientRect().bottom > time.closest(".bubble").getBoundingClientRect().bottom).length"""
"""Script: return the number of messages whose time of day extends below the bubble."""


@pytest.fixture(scope="module")
def axe() -> str:
    """Return the source of axe-core."""
    web_build.install_packages(browser.DRIVER)
    return (browser.DRIVER / "node_modules" / "axe-core" / "axe.min.js").read_text()


def violations(guest: Guest, axe: str) -> list[dict[str, Any]]:
    """Return axe's serious and critical findings, each with the rule and up to three elements."""
    guest.page.evaluate(axe)
    found = guest.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        {"rule": one["id"], "nodes": [(node["html"][:120], node["failureSummary"]) for node in one["nodes"][:3]]}
        for one in found["violations"]
        if one["impact"] in SERIOUS
    ]


def furnish(guests: Guests, size: ViewportSize, scheme: Scheme) -> Guest:
    """Make a room with messages, a long word, a picture, a reaction, a reply and typing; return its user Ada."""
    room = unique("public:salon")
    ada = guests.enter("Ada", room, size, scheme)
    bob = guests.enter("Bob", room)
    bob.say("Good morning! Is the cluster up?")
    ada.say("It is. Two gateways, one order. 🎉")
    bob.say(LONG)
    bob.find("file-input").set_input_files({"name": "view.png", "mimeType": "image/png", "buffer": picture(640, 400)})
    ada.find("media-image", loaded="true").wait_for()
    bob.messages("It is.").hover()
    bob.messages("It is.").get_by_test_id("react").first.click()
    ada.find("reaction").wait_for()
    bob.messages("It is.").hover()
    bob.messages("It is.").get_by_test_id("reply").click()
    bob.say("Lovely.")
    ada.messages("Lovely.").wait_for()
    bob.find("composer").press_sequentially("And")
    ada.find("typing").wait_for()
    return ada


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES)
def test_the_sign_in_fits_and_is_accessible(guests: Guests, axe: str, size: str, scheme: Scheme) -> None:
    guest = guests.visit(SIZES[size], scheme)
    guests.shoot(guest, f"sign-in-{size}-{scheme}")
    assert guest.overflow() <= 0
    assert violations(guest, axe) == []


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES)
def test_the_chat_fits_and_is_accessible(guests: Guests, axe: str, size: str, scheme: Scheme) -> None:
    guest = furnish(guests, SIZES[size], scheme)
    guests.shoot(guest, f"chat-{size}-{scheme}")
    assert guest.overflow() <= 0
    assert guest.page.eval_on_selector_all(".bubble .meta", OUTSIDE) == 0
    assert violations(guest, axe) == []
    background = guest.page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (sum(background[:3]) < 3 * 128) == (scheme == "dark")
    if size == "phone":
        look_into_the_drawers(guests, guest, axe, scheme)


def look_into_the_drawers(guests: Guests, guest: Guest, axe: str, scheme: Scheme) -> None:
    """Check the two drawers of a phone: the list of rooms and the list of people."""
    for name, button, element in (("rooms", "open-rooms", "nav"), ("people", "toggle-members", "aside")):
        guest.find(button).click()
        drawer = guest.page.locator(element)
        expect(drawer).to_be_in_viewport(ratio=0.9)
        guests.shoot(guest, f"{name}-phone-{scheme}")
        assert guest.overflow() <= 0
        assert violations(guest, axe) == []
        guest.page.keyboard.press("Escape")
        expect(drawer).not_to_be_in_viewport()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_dialogs_of_the_room_list_fit_and_are_accessible(guests: Guests, axe: str, scheme: Scheme) -> None:
    guest = guests.enter("Ada", unique("public:salon"), PHONE, scheme)
    guest.find("open-rooms").click()
    guest.find("new-room").click()
    guest.page.get_by_role("heading", name="New room").wait_for()
    guests.shoot(guest, f"dialog-phone-{scheme}")
    assert guest.overflow() <= 0
    assert violations(guest, axe) == []
    for button, element in (("open-browse", "browse"), ("open-settings", "own-profile")):
        guest.page.keyboard.press("Escape")
        expect(guest.page.locator("nav")).not_to_be_in_viewport()
        guest.find("open-rooms").click()
        guest.find(button).click()
        guest.find(element).wait_for()
        guests.shoot(guest, f"{element}-phone-{scheme}")
        assert guest.overflow() <= 0
        assert violations(guest, axe) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_players_and_a_failed_upload_are_accessible(guests: Guests, axe: str, scheme: Scheme) -> None:
    guest = guests.enter("Ada", unique("public:salon"), WIDE, scheme)
    for kind in ("video", "audio"):
        recording = base64.b64decode(guest.page.evaluate(RECORD, kind))
        file: FilePayload = {"name": f"{kind}.webm", "mimeType": f"{kind}/webm", "buffer": recording}
        guest.find("file-input").set_input_files(file)
    guest.find("media-video").wait_for()
    guest.find("media-audio").wait_for()
    guest.find("file-input").set_input_files({"name": "a.exe", "mimeType": "application/x-exe", "buffer": b"MZ"})
    guest.find("upload", phase="failed").wait_for()
    guest.find("message").first.hover()
    guests.shoot(guest, f"files-{scheme}")
    assert violations(guest, axe) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_dialogs_of_a_private_room_are_accessible(guests: Guests, axe: str, scheme: Scheme) -> None:
    guest = guests.enter("Ada", unique("public:salon"), PHONE, scheme)
    guest.find("open-rooms").click()
    guest.find("new-room").click()
    guest.page.get_by_label("Name", exact=True).fill("Surprise party")
    guest.page.get_by_text("Private", exact=True).click()
    guest.page.get_by_role("button", name="Create room").click()
    guest.find("invite").click()
    guest.find("invite-people").fill(unique("stranger"))
    guest.find("invite-people-option").click()
    guest.find("invite-error").get_by_text("has been here so far").wait_for()
    guests.shoot(guest, f"invite-phone-{scheme}")
    assert guest.overflow() <= 0
    assert violations(guest, axe) == []
    guest.page.keyboard.press("Escape")
    for item in ("about", "transfer", "leave"):
        guest.find("room-menu").click()
        if item == "about":
            guests.shoot(guest, f"menu-phone-{scheme}")
            assert violations(guest, axe) == []
        guest.find(item).click()
        guest.page.get_by_role("dialog").wait_for()
        guests.shoot(guest, f"{item}-phone-{scheme}")
        assert guest.overflow() <= 0
        assert violations(guest, axe) == []
        guest.page.keyboard.press("Escape")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_dialogs_about_people_and_messages_are_accessible(guests: Guests, axe: str, scheme: Scheme) -> None:
    room = unique("public:salon")
    guest, bob = guests.enter("Ada", room, PHONE, scheme), guests.enter("Bob", room)
    bob.say("Something bad")
    guest.find("toggle-members").click()
    guest.find("members").locator(f'li[data-user="{bob.user}"]').get_by_test_id("member").click()
    guest.page.get_by_role("button", name="Block", exact=True).wait_for()
    guests.shoot(guest, f"person-phone-{scheme}")
    assert guest.overflow() <= 0
    assert violations(guest, axe) == []
    guest.page.keyboard.press("Escape")
    guest.page.keyboard.press("Escape")
    message = guest.messages("Something bad")
    message.hover()
    message.get_by_test_id("report").click()
    guest.page.get_by_label("What is wrong with it?").wait_for()
    guests.shoot(guest, f"report-phone-{scheme}")
    assert guest.overflow() <= 0
    assert violations(guest, axe) == []


def test_the_page_fits_the_narrowest_phone(guests: Guests) -> None:
    guest = furnish(guests, NARROWEST, "light")
    guests.shoot(guest, "chat-narrowest")
    assert guest.overflow() <= 0
    expect(guest.find("send")).to_be_in_viewport(ratio=1)


def test_the_page_works_by_keyboard_alone(guests: Guests) -> None:
    ada = guests.visit()
    keyboard = ada.page.keyboard
    expect(ada.find("name-input")).to_be_focused()
    keyboard.type(unique("Ada"))
    keyboard.press("Enter")
    ada.wait_connected()

    ada.page.locator("body").evaluate("() => document.activeElement.blur()")
    tab_to(ada, ada.find("composer"))
    word = unique("typed")
    keyboard.type(f"{word} by hand")
    keyboard.press("Shift+Enter")
    keyboard.type("on two lines")
    keyboard.press("Enter")
    said = ada.find("message", state="sent").filter(has_text=word)
    expect(said).to_contain_text("on two lines")

    keyboard.press("ArrowUp")
    expect(ada.find("composer")).to_have_value(f"{word} by hand\non two lines")
    keyboard.press("Escape")
    expect(ada.find("composer")).to_have_value("")
    tab_to(ada, said, backwards=True)
    tab_to(ada, said.get_by_test_id("delete"))
    keyboard.press("Enter")
    ada.find("confirm-delete").wait_for()
    keyboard.press("Escape")
    expect(ada.find("confirm-delete")).to_have_count(0)
    expect(said).to_have_count(1)
    tab_to(ada, ada.find("new-room"))
    keyboard.press("Enter")
    expect(ada.page.get_by_label("Name", exact=True)).to_be_focused()


def tab_to(guest: Guest, target: Locator, *, backwards: bool = False) -> None:
    """Press Tab until the target has the focus, no faster than the page is painted."""
    for _ in range(MAX_TABS):
        guest.page.keyboard.press("Shift+Tab" if backwards else "Tab")
        guest.page.evaluate(NEXT_FRAMES)
        if target.evaluate("(one) => one === document.activeElement"):
            return
    raise AssertionError(f"not reached within {MAX_TABS} steps: {target}")


def test_an_invalid_token_is_refused_with_a_reason(guests: Guests, tmp_path: Path) -> None:
    guest = guests.visit()
    guest.page.get_by_text("Sign in with a token").click()
    guest.page.get_by_label("Token (JWT)").fill("not a token")
    guest.page.get_by_role("button", name="Use token").click()
    expect(guest.page.get_by_text("You are not signed in: the token is not valid, or has expired.")).to_be_visible()
    guests.shoot(guest, "refused")
