"""Tests of the page's inbox, with mentions and notifications, of the quick switcher, and of the theme."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, expect

from deploy import browser
from deploy.cluster import Cluster
from tests.browser.conftest import launched
from tests.browser.page_users import PAUSE_MS, WAIT_MS, Guest, Guests, unique
from tests.browser.writers import Writer

RECORDED = """
    document.hasFocus = () => false;
    window.shown = [];
    const Real = window.Notification;
    window.Notification = class extends Real {
        constructor(title, options) {
            super(title, options);
            window.shown.push(`${title}: ${options.body}`);
        }
    };
"""
"""Script: make the page believe that its window has no focus, and record its notifications."""


@pytest.fixture(scope="module")
def chromium(driver: Playwright) -> Iterator[Browser]:
    """Launch Chromium itself, because its headless shell does not grant the permission for notifications."""
    with launched(driver, browser.ensure()) as running:
        yield running


@pytest.fixture
def room() -> str:
    return unique("public:start")


def notified(guest: Guest, count: int) -> list[str]:
    """Wait until the page has shown `count` notifications; return them."""
    deadline = time.monotonic() + WAIT_MS / 1_000
    while len(shown := guest.page.evaluate("window.shown")) < count:
        assert time.monotonic() < deadline, shown
        guest.page.wait_for_timeout(PAUSE_MS)
    return list(shown)


def test_the_room_list_counts_a_mention_until_the_user_reads_it(guests: Guests, room: str, cluster: Cluster) -> None:
    ada = guests.enter("Ada", room)
    ada.go("public:lobby")
    with Writer(cluster) as bob:
        bob.call("room:join", {"room": room})
        bob.send(room, "look at this", mentions=[ada.user])
    expect(ada.find("room-item", room=room)).to_have_attribute("data-mentions", "1")
    ada.find("room-item", room=room).click()
    ada.sees("look at this")
    expect(ada.find("room-item", room=room)).to_have_attribute("data-mentions", "0")


def test_an_at_sign_and_a_name_in_a_message_mention_the_user(guests: Guests, room: str) -> None:
    ada, bob = guests.enter("Ada", room), guests.enter("Bob", room)
    expect(bob.find("members")).to_contain_text(ada.name)
    ada.go("public:lobby")
    expect(bob.find("members")).to_contain_text(ada.name)
    bob.say(f"@{ada.name}: look at this")
    expect(ada.find("room-item", room=room)).to_have_attribute("data-mentions", "1")


def test_the_quick_switcher_goes_to_a_room_by_a_part_of_its_name(guests: Guests, room: str) -> None:
    ada = guests.enter("Ada", room)
    ada.go("public:lobby")
    ada.page.keyboard.press("Control+k")
    ada.find("switcher").fill(room.removeprefix("public:").upper())
    expect(ada.find("switcher-option")).to_have_count(1)
    ada.page.keyboard.press("Enter")
    expect(ada.find("switcher")).to_have_count(0)
    expect(ada.find("room-item", room=room)).to_have_attribute("aria-current", "page")
    ada.find("switch").click()
    expect(ada.find("switcher")).to_be_focused()
    expect(ada.find("switcher-option").first).to_have_attribute("aria-selected", "true")
    ada.page.keyboard.press("ArrowDown")
    expect(ada.find("switcher-option").nth(1)).to_have_attribute("aria-selected", "true")
    ada.page.keyboard.press("Escape")
    expect(ada.find("switcher")).to_have_count(0)


def test_a_chosen_theme_is_kept_over_a_reload(guests: Guests, room: str) -> None:
    ada = guests.enter("Ada", room)
    root = ada.page.locator("html")
    expect(root).to_have_attribute("data-theme", "light")
    ada.page.emulate_media(color_scheme="dark")
    expect(root).to_have_attribute("data-theme", "dark")
    ada.find("open-settings").click()
    ada.find("settings").get_by_label("Light").check()
    expect(root).to_have_attribute("data-theme", "light")
    ada.page.reload()
    ada.wait_connected()
    expect(root).to_have_attribute("data-theme", "light")


def test_mentions_and_direct_messages_notify_the_user_after_notifications_are_turned_on(
    guests: Guests, room: str, cluster: Cluster
) -> None:
    ada = guests.enter("Ada", room, permissions=["notifications"])
    ada.page.add_init_script(RECORDED)
    ada.page.reload()
    ada.wait_connected()
    user = ada.user
    with Writer(cluster, name="Bob") as bob:
        direct = "dm:" + ":".join(sorted((user, bob.user)))
        bob.call("room:join", {"room": room})
        bob.send(direct, "before it is wanted")
        expect(ada.find("room-item", room=direct)).to_contain_text("before it is wanted")
        ada.find("open-settings").click()
        ada.find("settings").get_by_label("Notifications").check()
        expect(ada.find("settings").get_by_label("Notifications")).to_be_checked()
        ada.page.keyboard.press("Escape")
        bob.send(room, "for everybody")
        bob.send(room, "for Ada", mentions=[user])
        notified(ada, 1)
        bob.send(direct, "are you there?")
        first, second = notified(ada, 2)
    assert (first.startswith("Bob · "), first.endswith(": for Ada")) == (True, True)
    assert second == "Bob · Bob: are you there?"
