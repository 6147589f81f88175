"""Tests of a long timeline: the number of messages in the document, the scroll position, and navigation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from deploy.cluster import Cluster
from tests.browser.page_users import PHONE, WIDE, Guest, Guests, unique
from tests.browser.writers import Writer, flood

MAX_NODES = 1500
"""The most elements of the whole page. With all messages in the document, it would have about 24 for each message."""
WHEEL_PX = 1500
PAUSE_MS = 40
MAX_TURNS = 1500
SEQS = "(all) => all.map((one) => Number(one.dataset.seq))"
FROM_TOP = "(one) => one.getBoundingClientRect().top"
NEXT_FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
IN_SIGHT = """() => {
    const top = document.querySelector(".timeline").getBoundingClientRect().top + 250;
    const all = [...document.querySelectorAll("[data-testid=message]")];
    return all.find((one) => one.getBoundingClientRect().top > top).dataset.seq;
}"""
"""Script: return the seq of the first message that is more than 250 px below the top of the timeline."""
STEP_PX = 120
SCROLL_UP = f"""async (step) => {{
    const box = document.querySelector("[data-testid=timeline]");
    const seq = ({IN_SIGHT})();
    const top = () => document.querySelector(`[data-testid=message][data-seq="${{seq}}"]`).getBoundingClientRect().top;
    const before = top();
    box.scrollTop -= step;
    await {NEXT_FRAMES};
    for (let frames = 0; box.querySelector(".timeline-top .spinner") && frames < 1000; frames++) await {NEXT_FRAMES};
    await {NEXT_FRAMES};
    return [top() - before, Number(document.querySelector("[data-testid=message]").dataset.seq)];
}}"""
"""Script: scroll up, wait for older messages, return the distance that a message has moved, and the first seq."""
COVERED = """(toolbar) => {
    const { left, right, top, bottom } = toolbar.getBoundingClientRect();
    const own = toolbar.closest("[data-testid=message]");
    const bubbles = [...document.querySelectorAll(".bubble")].map((one) => one.getBoundingClientRect());
    return bubbles.filter((one) =>
        one.left < right - 1 && one.right > left + 1 && one.top < bottom - 1 && one.bottom > top + 1).length;
}"""
"""Script: return the number of bubbles that the toolbar overlaps, including the bubble of its message."""


@pytest.fixture
def room() -> str:
    return unique("public:long")


def shown(guest: Guest) -> list[int]:
    """Return the seqs in the document, from top to bottom."""
    found: list[int] = guest.page.eval_on_selector_all("[data-testid=message]", SEQS)
    return found


def nodes(guest: Guest) -> int:
    found: int = guest.page.evaluate("document.querySelectorAll('*').length")
    return found


def scroll_until(guest: Guest, done: Callable[[], Any], step: int = -WHEEL_PX) -> None:
    guest.find("timeline").hover(position={"x": 5, "y": 200})
    for _ in range(MAX_TURNS):
        if done():
            return
        guest.page.mouse.wheel(0, step)
        guest.page.wait_for_timeout(PAUSE_MS)
    raise AssertionError("not reached by scrolling")


def test_history_loads_while_the_user_scrolls_up(guests: Guests, room: str, cluster: Cluster) -> None:
    count = 300
    flood(cluster, room, count)
    ada = guests.enter("Ada", room)
    expect(ada.find("message", seq=str(count))).to_be_in_viewport()
    seen: set[int] = set()

    def at_the_beginning() -> bool:
        seqs = shown(ada)
        assert seqs == list(range(seqs[0], seqs[-1] + 1))
        seen.update(seqs)
        assert nodes(ada) < MAX_NODES
        return seqs[0] == 1

    scroll_until(ada, at_the_beginning, step=-400)
    assert seen == set(range(1, count + 1))
    expect(ada.page.get_by_text("This is the beginning of the room.")).to_be_visible()
    ada.find("jump-latest").click()
    expect(ada.find("message", seq=str(count))).to_be_in_viewport()
    expect(ada.find("jump-latest")).to_have_count(0)


def test_visible_messages_stay_in_place_while_older_messages_load(guests: Guests, room: str, cluster: Cluster) -> None:
    flood(cluster, room, 220)
    ada = guests.enter("Ada", room)
    ada.find("message", seq="220").wait_for()
    moved: list[float] = []
    first = 220
    while first > 1:
        distance, first = ada.page.evaluate(SCROLL_UP, STEP_PX)
        moved.append(distance)
    assert len(moved) > 40
    assert moved == pytest.approx([STEP_PX] * len(moved), abs=2)


def test_older_messages_load_above_the_window_after_a_jump_to_the_top(
    guests: Guests, room: str, cluster: Cluster
) -> None:
    flood(cluster, room, 220)
    ada = guests.enter("Ada", room)
    ada.find("message", seq="220").wait_for()
    ada.find("timeline").evaluate("(box) => { box.scrollTop = 0; }")
    expect(ada.find("message", seq="170")).to_have_count(1)
    expect(ada.find("timeline").locator(".timeline-top .spinner")).to_have_count(0)
    expect(ada.find("message", seq="171")).to_be_in_viewport()
    assert 1 not in shown(ada)


def test_visible_messages_stay_in_place_while_new_messages_arrive(guests: Guests, room: str, cluster: Cluster) -> None:
    flood(cluster, room, 120)
    ada = guests.enter("Ada", room)
    ada.find("message", seq="120").wait_for()
    ada.find("timeline").evaluate("(box) => { box.scrollTop -= 700; }")
    expect(ada.find("jump-latest")).to_be_visible()
    target = ada.find("message", seq=ada.page.evaluate(IN_SIGHT))
    ada.page.evaluate(NEXT_FRAMES)
    first = target.evaluate(FROM_TOP)
    for number in range(3):
        with Writer(cluster) as writer:
            writer.send(room, f"news {number}")
        expect(ada.find("jump-latest")).to_contain_text(f"{number + 1} new message")
        assert target.evaluate(FROM_TOP) == pytest.approx(first, abs=1)


def test_a_room_with_120_unread_messages_opens_at_the_unread_line(guests: Guests, room: str, cluster: Cluster) -> None:
    flood(cluster, room, 80)
    ada = guests.enter("Ada", room)
    ada.find("message", seq="80").wait_for()
    ada.find("room-item", room="public:lobby").click()
    expect(ada.find("room-item", room="public:lobby")).to_have_attribute("aria-current", "page")
    flood(cluster, room, 120, first=81)
    expect(ada.find("room-item", room=room)).to_have_attribute("data-unread", "120")
    ada.find("room-item", room=room).click()
    expect(ada.find("unread-line")).to_be_in_viewport(ratio=1)
    expect(ada.find("message", seq="80")).to_be_in_viewport()
    expect(ada.find("message", seq="81")).to_be_in_viewport()
    ada.find("jump-latest").click()
    expect(ada.find("message", seq="200")).to_be_in_viewport()


@pytest.mark.timeout(180)
def test_a_room_with_1000_messages_has_few_elements_and_opens_at_its_end(
    guests: Guests, room: str, cluster: Cluster
) -> None:
    count = 1000
    flood(cluster, room, count)
    ada = guests.enter("Ada", room)
    ada.find("message", seq=str(count)).wait_for()
    scroll_until(ada, lambda: ada.find("message", seq="1").count(), step=-6000)
    assert nodes(ada) < MAX_NODES
    ada.find("room-item", room="public:lobby").click()
    expect(ada.find("message", seq=str(count))).to_have_count(0)
    ada.find("room-item", room=room).click()
    ada.find("message", seq=str(count)).wait_for()
    expect(ada.find("message", seq=str(count))).to_be_in_viewport()
    assert nodes(ada) < MAX_NODES


def test_the_timeline_stays_at_its_end_while_messages_arrive(guests: Guests, room: str, cluster: Cluster) -> None:
    ada = guests.enter("Ada", room)
    for start in range(1, 121, 40):
        flood(cluster, room, 40, first=start)
        expect(ada.find("message", seq=str(start + 39))).to_be_in_viewport()
    ada.page.set_viewport_size({"width": 1280, "height": 420})
    expect(ada.find("message", seq="120")).to_be_in_viewport(ratio=0.9)
    ada.find("composer").fill("one\ntwo\nthree\nfour\nfive")
    expect(ada.find("message", seq="120")).to_be_in_viewport(ratio=0.9)
    expect(ada.find("jump-latest")).to_have_count(0)


def test_a_click_on_a_quote_loads_and_shows_the_quoted_message(guests: Guests, room: str, cluster: Cluster) -> None:
    count = 260
    flood(cluster, room, count)
    with Writer(cluster) as writer:
        writer.send(room, "about the third", reply_to=3)
    ada = guests.enter("Ada", room)
    quote = ada.messages("about the third").get_by_test_id("quote")
    expect(quote).to_contain_text("Show the earlier message")
    quote.click()
    target = ada.find("message", seq="3")
    expect(target).to_be_in_viewport()
    expect(target).to_be_focused()
    ada.find("jump-latest").click()
    expect(quote).to_contain_text("line 3")


def test_arrow_keys_move_the_focus_to_messages_outside_the_document(
    guests: Guests, room: str, cluster: Cluster
) -> None:
    flood(cluster, room, 80)
    ada = guests.enter("Ada", room)
    ada.find("message", seq="80").focus()
    for seq in range(79, 30, -1):
        ada.page.keyboard.press("ArrowUp")
        expect(ada.find("message", seq=str(seq))).to_be_focused()
    expect(ada.find("message", seq="31")).to_be_in_viewport()


@pytest.mark.parametrize("own", [True, False], ids=["own", "others"])
@pytest.mark.parametrize("size", ["wide", "phone"])
def test_the_toolbar_covers_no_bubble(guests: Guests, room: str, cluster: Cluster, size: str, own: bool) -> None:
    ada = guests.enter("Ada", room, PHONE if size == "phone" else WIDE)
    with Writer(cluster, user=ada.user if own else None) as writer:
        for text in ("short", "a long text that fills its bubble from one side to the other, and goes on " * 3, "end"):
            writer.send(room, text)
    for text in ("short", "a long text", "end"):
        message = ada.messages(text)
        message.hover()
        toolbar = message.get_by_test_id("toolbar")
        expect(toolbar).to_be_visible()
        expect(toolbar).to_be_in_viewport(ratio=1)
        assert toolbar.evaluate(COVERED) == 0
        expect(ada.page.locator(".toolbar:visible")).to_have_count(1)
    assert ada.overflow() <= 0


def test_the_focus_moves_to_the_deleted_message_after_a_deletion(guests: Guests, room: str) -> None:
    ada = guests.enter("Ada", room)
    ada.say("first")
    ada.say("second")
    message = ada.messages("second")
    message.focus()
    message.get_by_test_id("delete").press("Enter")
    expect(ada.find("confirm-delete")).to_be_focused()
    ada.find("confirm-delete").press("Enter")
    gone = ada.messages("This message was deleted.")
    expect(gone).to_be_focused()
    ada.page.keyboard.press("ArrowUp")
    expect(ada.messages("first")).to_be_focused()


def test_the_focus_returns_to_the_message_when_a_dialog_is_closed(guests: Guests, room: str) -> None:
    ada = guests.enter("Ada", room)
    ada.say("kept")
    message = ada.messages("kept")
    message.focus()
    message.get_by_test_id("delete").press("Enter")
    ada.find("confirm-delete").wait_for()
    ada.page.keyboard.press("Escape")
    expect(message).to_be_focused()
