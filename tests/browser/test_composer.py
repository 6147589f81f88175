"""Tests of the composer: drafts, edits, and the key Enter on a computer, on a phone and with an input method."""

from __future__ import annotations

import pytest
from playwright.sync_api import FilePayload, expect

from tests.browser.page_users import PHONE, Guest, Guests, unique


@pytest.fixture
def room() -> str:
    return unique("public:media")


def test_a_cancelled_edit_restores_the_draft(guests: Guests, room: str) -> None:
    ada = guests.enter("Ada", room)
    ada.say("helo")
    composer = ada.find("composer")
    for leave in (lambda: composer.press("Escape"), lambda: ada.page.get_by_role("button", name="Cancel").click()):
        composer.fill("half a draft")
        edit(ada, "helo")
        expect(composer).to_have_value("helo")
        composer.fill("hello, but no")
        leave()
        expect(composer).to_have_value("half a draft")
    expect(ada.messages("helo")).not_to_contain_text("edited")


def test_a_saved_edit_restores_the_draft(guests: Guests, room: str) -> None:
    ada = guests.enter("Ada", room)
    ada.say("helo")
    ada.find("composer").fill("half a draft")
    edit(ada, "helo")
    ada.write("hello")
    expect(ada.messages("hello")).to_contain_text("edited")
    expect(ada.find("composer")).to_have_value("half a draft")


def test_a_reload_during_an_edit_restores_the_draft(guests: Guests, room: str) -> None:
    ada = guests.enter("Ada", room)
    ada.say("helo")
    ada.find("composer").fill("half a draft")
    edit(ada, "helo")
    ada.find("composer").fill("half an edit")
    ada.page.reload()
    expect(ada.find("composer")).to_have_value("half a draft")


def edit(guest: Guest, text: str) -> None:
    guest.messages(text).hover()
    guest.messages(text).get_by_test_id("edit").click()


def test_enter_inserts_a_new_line_on_a_phone_and_the_button_sends(guests: Guests, room: str) -> None:
    ada = guests.enter("Ada", room, PHONE, has_touch=True, is_mobile=True)
    composer = ada.find("composer")
    expect(composer).to_have_attribute("enterkeyhint", "enter")
    composer.tap()
    composer.press_sequentially("one")
    composer.press("Enter")
    composer.press_sequentially("two")
    expect(composer).to_have_value("one\ntwo")
    expect(ada.find("message")).to_have_count(0)
    ada.find("send").tap()
    expect(ada.find("message", state="sent")).to_contain_text("one\ntwo")


def test_a_tap_on_a_message_opens_its_toolbar_on_a_phone(guests: Guests, room: str) -> None:
    ada = guests.enter("Ada", room, PHONE, has_touch=True, is_mobile=True)
    ada.find("composer").fill("tap me")
    ada.find("send").tap()
    message = ada.find("message", state="sent").filter(has_text="tap me")
    message.locator(".text").tap()
    message.get_by_test_id("reply").tap()
    expect(ada.page.get_by_text("Reply to")).to_be_visible()


def test_enter_accepts_a_word_of_an_input_method_and_does_not_send(guests: Guests, room: str) -> None:
    ada = guests.enter("Ada", room)
    composer = ada.find("composer")
    composer.focus()
    keyboard = ada.page.context.new_cdp_session(ada.page)
    keyboard.send("Input.imeSetComposition", {"text": "にほん", "selectionStart": 3, "selectionEnd": 3})
    expect(composer).to_have_value("にほん")
    # This key press inserts no character, because the input method handles it.
    keyboard.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", "key": "Enter", "windowsVirtualKeyCode": 13})
    keyboard.send("Input.insertText", {"text": "日本"})
    expect(composer).to_have_value("日本")
    expect(ada.find("message")).to_have_count(0)
    composer.press("Enter")
    expect(ada.find("message", state="sent")).to_contain_text("日本")


@pytest.mark.parametrize("event", ["{ keyCode: 229 }", "{ isComposing: true }"], ids=["safari", "standard"])
def test_an_enter_that_an_input_method_handles_does_not_send(guests: Guests, room: str, event: str) -> None:
    ada = guests.enter("Ada", room)
    composer = ada.find("composer")
    composer.fill("日本")
    composer.evaluate(
        f"""(area) => area.dispatchEvent(new KeyboardEvent("keydown",
            {{ key: "Enter", bubbles: true, cancelable: true, ...{event} }}))"""
    )
    expect(composer).to_have_value("日本")
    expect(ada.find("message")).to_have_count(0)


def test_the_file_picker_accepts_every_type_of_file(guests: Guests, room: str) -> None:
    ada = guests.enter("Ada", room)
    assert ada.find("file-input").get_attribute("accept") is None
    notes: FilePayload = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"plain words\n"}
    ada.find("file-input").set_input_files(notes)
    expect(ada.find("message", state="sent")).to_contain_text("notes.txt")
