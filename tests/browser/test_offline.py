"""Test of a browser that goes offline: the page notices at once, and sends messages written offline later."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.page_users import Guests

NOTICE_MS = 2_000
"""Milliseconds for the page to notice: far less than the 45 s after which a missing ping ends the connection."""


def test_the_page_notices_a_lost_network_at_once_and_sends_messages_afterwards(guests: Guests) -> None:
    guests.ignores_network = True
    ada = guests.enter("Ada", "public:offline")
    bob = guests.enter("Bob", "public:offline")
    ada.page.context.set_offline(True)
    expect(ada.page.locator("body")).to_have_attribute("data-connected", "false", timeout=NOTICE_MS)
    ada.write("written offline")
    expect(ada.find("message", state="sending").filter(has_text="written offline")).to_have_count(1)
    ada.page.context.set_offline(False)
    bob.sees("written offline")
    expect(ada.find("message", state="sent").filter(has_text="written offline")).to_have_count(1)
