"""Tests of people on the page: pictures, cards, status texts, the user's own profile, the search by name."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Route, expect

from deploy.cluster import Cluster
from tests.browser.page_users import Guest, Guests, unique
from tests.browser.writers import Writer
from tests.integration.media_rig import picture

PICTURES = "https://pictures.example"
SHOWN = """(image) => image.dataset.loaded === "true" && image.naturalWidth > 0 && image.clientWidth"""


def serve_pictures(guest: Guest) -> list[dict[str, str]]:
    """Answer requests to the picture host: `good.png` exists, other files do not. Return the requests' headers."""
    asked: list[dict[str, str]] = []

    def answer(route: Route) -> None:
        asked.append(route.request.headers)
        if route.request.url.endswith("/good.png"):
            route.fulfill(content_type="image/png", body=picture(64, 64))
        else:
            route.fulfill(status=404)

    guest.page.context.route(f"{PICTURES}/**", answer)
    return asked


def row_of(guest: Guest, user: str) -> Locator:
    return guest.find("members").locator(f'li[data-user="{user}"]')


def test_a_card_shows_picture_and_status_text_and_opens_a_direct_room(guests: Guests, cluster: Cluster) -> None:
    room = unique("public:salon")
    ada = guests.visit()
    asked = serve_pictures(ada)
    guests.ignores_network = True  # one of the pictures is missing
    with (
        Writer(cluster, "Grace Hopper", picture=f"{PICTURES}/good.png") as grace,
        Writer(cluster, "Linus", picture=f"{PICTURES}/missing.png") as linus,
    ):
        for writer in (grace, linus):
            writer.call("room:join", {"room": room})
        grace.call("presence", {"status": "busy", "note": "counting bugs"})
        grace.send(room, "Good morning")
        ada.sign_in(unique("Ada"))
        ada.go(room)
        ada.sees("Good morning")
        image = row_of(ada, grace.user).locator("img")
        expect(image).to_have_attribute("data-loaded", "true")
        assert image.evaluate(SHOWN) == 36
        assert all("referer" not in headers for headers in asked)
        expect(row_of(ada, linus.user).locator(".avatar")).to_have_text("L")
        expect(row_of(ada, linus.user).locator("img")).to_have_attribute("data-loaded", "false")
        ada.find("author").click()
        card = ada.find("person", user=grace.user)
        expect(card.get_by_test_id("person-note")).to_have_text("counting bugs")
        expect(card).to_contain_text("Busy")
        expect(card.locator("img")).to_have_attribute("data-loaded", "true")
        assert card.locator("img").evaluate(SHOWN) == 72
        ada.find("person-message").click()
        expect(ada.page.get_by_role("heading", level=1)).to_have_text("Grace Hopper")
        ada.say("Good morning to you")
        assert grace.call("message:history", {"room": ":".join(["dm", *sorted([ada.user, grace.user])])})["messages"]


def test_a_user_changes_name_and_picture_and_is_found_by_the_new_name(guests: Guests) -> None:
    ada, bob = guests.enter("Ada", unique("public:start")), guests.enter("Bob", unique("public:start"))
    serve_pictures(ada)
    user, name = ada.user, unique("Countess")
    ada.find("open-settings").click()
    ada.page.get_by_label("Address of your picture").fill("http://pictures.example/good.png")
    ada.page.get_by_role("button", name="Save name and picture").click()
    expect(ada.page.get_by_text("begins with https://")).to_be_visible()
    ada.page.get_by_label("Name", exact=True).fill(name)
    ada.page.get_by_label("Address of your picture").fill(f"{PICTURES}/good.png")
    ada.page.get_by_role("button", name="Save name and picture").click()
    expect(ada.page.locator(".me-name")).to_have_text(name)
    expect(ada.page.locator("footer.me img")).to_have_attribute("data-loaded", "true")
    assert ada.user == user

    serve_pictures(bob)
    bob.page.keyboard.press("Control+k")
    bob.find("switcher").fill(name.upper())
    expect(bob.find("switcher-option")).to_have_text(re.compile(name))
    bob.page.keyboard.press("Enter")
    expect(bob.page.get_by_role("heading", level=1)).to_have_text(name)
    bob.say("Found you")
    expect(ada.find("room-item").filter(has_text="Found you")).to_be_visible()


def test_a_status_text_is_shown_to_another_user_and_kept_over_a_reload(guests: Guests) -> None:
    room = unique("public:notes")
    ada, bob = guests.enter("Ada", room), guests.enter("Bob", room)
    ada.find("status-note").fill("In a meeting")
    ada.find("status-note").press("Enter")
    line = bob.find("members").locator(f'li[data-user="{ada.user}"]')
    expect(line).to_contain_text("In a meeting")
    ada.find("open-settings").click()
    ada.find("note-end").select_option("240")
    expect(ada.find("note-end")).to_have_value("current")
    ada.page.keyboard.press("Escape")
    line.get_by_test_id("member").click()
    expect(bob.find("person-note")).to_contain_text("until")
    bob.page.keyboard.press("Escape")
    ada.page.reload()
    ada.wait_connected()
    expect(ada.find("status-note")).to_have_value("In a meeting")
    ada.find("status-note").fill("Not this")
    ada.find("status-note").press("Escape")
    expect(ada.find("status-note")).to_have_value("In a meeting")
    ada.find("status-note").fill("")
    ada.find("status-note").press("Enter")
    expect(line).to_contain_text("Online")
