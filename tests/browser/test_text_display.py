"""Tests of displayed text: direction, contrast, high-contrast themes, reactions with variation selectors."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from deploy.cluster import Cluster
from tests.browser.page_users import Guest, Guests, Scheme, unique
from tests.browser.writers import Writer
from tests.integration.media_rig import picture

OVERRIDE = "\u202e"
LEAST_CONTRAST = 4.5
"""The least contrast ratio of text of normal size (WCAG 2.2, 1.4.3)."""

CONTRAST = """(all) => all.map((element) => {
    const channels = (color) => {
        const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
        return { rgb: [red, green, blue], alpha: alpha / 255 };
    };
    const over = (top, alpha, below) => top.map((one, at) => one * alpha + below[at] * (1 - alpha));
    const chain = [];
    for (let one = element; one; one = one.parentElement) chain.unshift(one);
    let ground = [255, 255, 255];
    let opacity = 1;
    for (const one of chain) {
        const style = getComputedStyle(one);
        opacity *= Number(style.opacity);
        const { rgb, alpha } = channels(style.backgroundColor);
        ground = over(rgb, alpha, ground);
    }
    const text = channels(getComputedStyle(element).color);
    const ink = over(text.rgb, text.alpha * opacity, ground);
    const light = (rgb) => rgb.map((one) => one / 255)
        .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
        .reduce((sum, one, at) => sum + one * [0.2126, 0.7152, 0.0722][at], 0);
    const [dark, bright] = [light(ink), light(ground)].sort((a, b) => a - b);
    return { of: element.className || element.tagName, ratio: (bright + 0.05) / (dark + 0.05) };
})"""
"""Script: return the contrast ratio between each element's text and its background, including opacity."""

PAINTED = """(element) => {
    const range = document.createRange();
    const places = [];
    const walk = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode())
        for (let at = 0; at < node.length; at++) {
            range.setStart(node, at);
            range.setEnd(node, at + 1);
            places.push([node.data[at], range.getBoundingClientRect().left]);
        }
    return places.sort((a, b) => a[1] - b[1]).map(([character]) => character).join("");
}"""
"""Script: return the characters of an element in the order in which they are displayed, from left to right."""


@pytest.fixture
def room() -> str:
    return unique("public:show")


def painted(guest: Guest, selector: str) -> str:
    """Return the characters of a line in the displayed order, from left to right."""
    found: str = guest.page.locator(selector).first.evaluate(PAINTED)
    return found


def test_a_direction_override_in_a_name_does_not_reverse_any_text(guests: Guests, room: str, cluster: Cluster) -> None:
    ada = guests.enter("Ada", room)
    name = f"Mal{OVERRIDE}lory"
    with Writer(cluster, name=name) as mallory:
        mallory.call("room:join", {"room": room})
        seq = mallory.send(room, "plain words")
        ada.sees("plain words")
        assert painted(ada, ".author") == "Mallory"
        assert painted(ada, f'[data-room="{room}"] .room-item-last') == "Mallory: plain words"
        assert painted(ada, f'[data-user="{mallory.user}"] .member-name') == "Mallory"
        ada.messages("plain words").hover()
        ada.messages("plain words").get_by_test_id("reply").click()
        assert painted(ada, ".mode-text b") == "Reply to Mallory"
        ada.say("an answer")
        expect(ada.find("quote")).to_be_visible()
        assert painted(ada, ".quote b") == "Mallory"
        mallory.call("message:react", {"room": room, "id": unique("r"), "target": seq, "emoji": "👍", "on": True})
        expect(ada.find("reaction")).to_have_attribute("title", "Mallory")
        mallory.emit("typing", {"room": room, "typing": True})
        ada.find("typing").wait_for()
        assert painted(ada, "[data-testid=typing]") == "Mallory is typing"


def test_a_direction_override_in_a_message_reverses_only_its_text(guests: Guests, room: str, cluster: Cluster) -> None:
    ada = guests.enter("Ada", room)
    with Writer(cluster, name="Mallory") as mallory:
        mallory.send(room, f"abc{OVERRIDE}def")
    ada.find("message").wait_for()
    assert painted(ada, ".bubble .text").replace(OVERRIDE, "") == "abcfed"
    assert painted(ada, ".bubble .meta")[0].isdigit()
    assert painted(ada, f'[data-room="{room}"] .room-item-last') == "Mallory: abcdef"


def test_right_to_left_texts_have_their_own_direction(guests: Guests, room: str, cluster: Cluster) -> None:
    ada = guests.enter("Ada", room)
    with Writer(cluster, name="שרה") as sara:
        sara.send(room, "שלום עולם!")
        sara.send(room, "hello world!")
    ada.sees("hello world!")
    directions = ada.page.eval_on_selector_all(
        ".bubble-body", "(all) => all.map((one) => getComputedStyle(one).direction)"
    )
    assert directions == ["rtl", "ltr"]
    # The end of a right-to-left sentence is on the left.
    assert painted(ada, ".bubble .text")[0] == "!"
    item = painted(ada, f'[data-room="{room}"] .room-item-last')
    assert item.endswith(": hello world!")
    ada.find("composer").fill("שלום")
    assert ada.find("composer").evaluate("(area) => getComputedStyle(area).direction") == "rtl"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_of_a_bubble_has_enough_contrast(
    guests: Guests, room: str, cluster: Cluster, scheme: Scheme
) -> None:
    ada = guests.enter("Ada", room, scheme=scheme)
    with Writer(cluster, name="Bob") as bob:
        first = bob.send(room, "a question https://example.org/")
        bob.send(room, "an answer to myself", reply_to=first)
    ada.say("mine")
    for text in ("a question", "mine"):
        ada.messages(text).first.hover()
        ada.messages(text).first.get_by_test_id("reply").click()
        ada.say(f"about {text}")
    ada.find("file-input").set_input_files({"name": "view.png", "mimeType": "image/png", "buffer": picture()})
    ada.find("media-image", loaded="true").wait_for()
    ada.messages("mine").first.hover()
    ada.messages("mine").first.get_by_test_id("edit").click()
    ada.write("mine, edited")
    expect(ada.messages("mine, edited").first).to_contain_text("edited")
    ada.say("to be deleted")
    ada.messages("to be deleted").hover()
    ada.messages("to be deleted").get_by_test_id("delete").click()
    ada.find("confirm-delete").click()
    ada.messages("This message was deleted.").wait_for()
    selector = ".bubble .text, .bubble .text a, .quote b, .quote > span, .meta, .meta time, .author, .delivery"
    found: list[dict[str, Any]] = ada.page.eval_on_selector_all(selector, CONTRAST)
    assert len(found) > 20
    assert [one for one in found if one["ratio"] < LEAST_CONTRAST] == []


def test_bubbles_have_borders_in_a_high_contrast_theme(guests: Guests, room: str, cluster: Cluster) -> None:
    ada = guests.enter("Ada", room, forced_colors="active")
    with Writer(cluster, name="Bob") as bob:
        bob.send(room, "theirs")
    ada.say("mine")
    guests.shoot(ada, "forced-colors")
    line = "(one) => [getComputedStyle(one).borderTopStyle, parseFloat(getComputedStyle(one).borderTopWidth)]"
    theirs, mine = ada.messages("theirs").locator(".bubble"), ada.messages("mine").locator(".bubble")
    assert theirs.evaluate(line) == ["solid", 1]
    assert mine.evaluate(line) == ["solid", 2]
    assert (
        ada.page.locator('.room-item[aria-current="page"]').evaluate("(one) => getComputedStyle(one).outlineStyle")
        == "solid"
    )
    dots = ada.find("presence-dot", status="online").first
    assert dots.evaluate("(one) => getComputedStyle(one).backgroundColor !== 'rgba(0, 0, 0, 0)'")


def test_hearts_with_and_without_variation_selector_are_one_reaction(
    guests: Guests, room: str, cluster: Cluster
) -> None:
    ada = guests.enter("Ada", room)
    ada.say("lovely")
    with Writer(cluster, name="Bob") as bob, Writer(cluster, name="Cy") as cy:
        target = int(ada.messages("lovely").get_attribute("data-seq") or 0)
        for writer, emoji in ((bob, "\u2764"), (cy, "\u2764\ufe0f")):
            payload = {"room": room, "id": unique("r"), "target": target, "emoji": emoji, "on": True}
            writer.call("message:react", payload)
    reaction = ada.find("reaction")
    expect(reaction).to_have_text("\u2764\ufe0f 2")
    reaction.click()
    expect(reaction).to_have_text("\u2764\ufe0f 3")
    expect(reaction).to_have_attribute("aria-pressed", "true")
    reaction.click()
    expect(reaction).to_have_text("\u2764\ufe0f 2")
