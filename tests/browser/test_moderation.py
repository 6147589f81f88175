"""Tests of moderation on the page: mutes, bans, reports and blocks."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from deploy.cluster import Cluster
from tests.browser.page_users import Guest, Guests, unique
from tests.browser.writers import Writer


def club_of(owner: Writer, *members: str) -> str:
    """Create a private room with some members."""
    room = unique("room:club")
    owner.call("room:create", {"room": room, "kind": "private", "name": "Club"})
    for user in members:
        owner.introduce(user)
        owner.call("room:invite", {"room": room, "user": user})
    return room


def open_person(guest: Guest, user: str) -> None:
    """Open the dialog about a person, and wait until it is loaded."""
    guest.find("members").locator(f'li[data-user="{user}"]').get_by_test_id("member").click()
    expect(guest.page.get_by_role("dialog").get_by_role("button", name=re.compile("^(Block|Unblock)$"))).to_be_visible()


def press(guest: Guest, name: str) -> None:
    """Press a button of the dialog, and wait until the dialog closes, after the server's ack."""
    guest.page.get_by_role("dialog").get_by_role("button", name=name, exact=True).click()
    expect(guest.page.get_by_role("dialog")).to_have_count(0)


def test_a_muted_member_cannot_write_until_a_moderator_unmutes_the_member(guests: Guests, cluster: Cluster) -> None:
    owner, member = unique("owner"), unique("member")
    with Writer(cluster, user=owner) as writer:
        club = club_of(writer, member)
    ada = guests.enter_by_token(club, name="Ada", user=owner)
    bob = guests.enter_by_token(club, name="Bob", user=member)
    bob.say("before")
    open_person(ada, member)
    press(ada, "Mute")
    bob.write("while muted")
    expect(bob.find("message", state="failed").filter(has_text="while muted")).to_have_count(1)
    expect(ada.messages("while muted")).to_have_count(0)
    open_person(ada, member)
    press(ada, "Unmute")
    bob.find("retry").click()
    ada.sees("while muted")


def test_a_banned_member_leaves_the_room_until_the_ban_is_lifted(guests: Guests, cluster: Cluster) -> None:
    owner, member = unique("owner"), unique("member")
    with Writer(cluster, user=owner) as writer:
        club = club_of(writer, member)
    ada = guests.enter_by_token(club, name="Ada", user=owner)
    bob = guests.enter_by_token(club, name="Bob", user=member)
    open_person(ada, member)
    press(ada, "Ban")
    expect(bob.page.get_by_role("heading", name="You cannot enter this room")).to_be_visible()
    open_person(ada, member)
    press(ada, "Lift the ban")
    expect(bob.find("composer")).to_be_visible()


def test_a_user_who_is_no_moderator_can_block_but_not_mute_or_ban(guests: Guests) -> None:
    room = unique("public:blocks")
    ada, bob = guests.enter("Ada", room), guests.enter("Bob", room)
    open_person(ada, bob.user)
    expect(ada.page.get_by_role("button", name="Mute", exact=True)).to_have_count(0)
    expect(ada.page.get_by_role("button", name="Ban", exact=True)).to_have_count(0)
    press(ada, "Block")
    bob.find("members").locator(f'li[data-user="{ada.user}"]').get_by_test_id("member").click()
    bob.find("person-message").click()
    bob.write("Hello?")
    expect(
        bob.find("message", state="failed")
        .filter(has_text="Hello?")
        .or_(bob.page.get_by_role("heading", name="You cannot enter this room"))
    ).to_be_visible()
    open_person(ada, bob.user)
    press(ada, "Unblock")


def test_a_reported_message_reaches_the_moderators(guests: Guests, cluster: Cluster) -> None:
    owner, member = unique("owner"), unique("member")
    with Writer(cluster, user=owner) as writer:
        club = club_of(writer, member)
        bob = guests.enter_by_token(club, name="Bob", user=member)
        seq = writer.send(club, "something bad")
        message = bob.messages("something bad")
        message.hover()
        message.get_by_test_id("report").click()
        bob.page.get_by_label("What is wrong with it?").fill("This hurts.")
        bob.find("send-report").click()
        expect(bob.page.get_by_role("dialog")).to_have_count(0)
        (report,) = writer.call("report:list", {"room": club})["reports"]
        assert (report["target"], report["by"], report["reason"]) == (seq, member, "This hurts.")
