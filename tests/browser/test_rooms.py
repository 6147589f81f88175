"""Tests of rooms on the page: long lists, leaving, invitations, unread counts, the directory, status notes."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from deploy.cluster import Cluster
from tests.browser.page_users import Guest, Guests, unique
from tests.browser.writers import Writer, flood

MANY = 46
"""The number of rooms of one user: more than the page joins at once (40)."""
WRITES_EVERY = 15
PAGE = 20
"""The number of rooms on one page of the directory."""


@pytest.fixture
def room() -> str:
    return unique("public:start")


def private_room(owner: Writer, *members: str) -> str:
    room = unique("room:club")
    owner.call("room:create", {"room": room, "kind": "private", "name": room})
    for user in members:
        owner.introduce(user)
        owner.call("room:invite", {"room": room, "user": user})
    return room


def rooms_of(writer: Writer) -> list[str]:
    listed: list[dict[str, Any]] = writer.call("room:list", {})["rooms"]
    return [one["room"] for one in listed]


def rooms_of_user(cluster: Cluster, user: str) -> list[str]:
    with Writer(cluster, user=user) as device:
        return rooms_of(device)


@pytest.mark.timeout(180)
@pytest.mark.long
def test_every_room_of_a_long_list_can_be_opened(guests: Guests, cluster: Cluster) -> None:
    user = unique("user")
    with Writer(cluster) as owner:
        rooms = [private_room(owner, user) for _ in range(MANY)]
        for room in rooms:
            owner.send(room, f"welcome to {room}")
        ada = guests.enter_by_token("public:lobby", name="Ada", user=user)
        expect(ada.find("room-item")).to_have_count(MANY + 1)
        for room in (rooms[0], rooms[1], rooms[-1], rooms[0]):
            ada.find("room-item", room=room).click()
            ada.sees(f"welcome to {room}")
        for number, room in enumerate(rooms):
            ada.find("room-item", room=room).click()
            expect(ada.messages(f"welcome to {room}")).to_have_count(1)
            if number % WRITES_EVERY == 0:
                ada.say(f"visit {number}")
        expect(ada.find("room-item", room=rooms[0])).to_contain_text("visit 0")
        # The inbox announces messages of rooms that the page has not joined.
        owner.send(rooms[0], "news from afar")
        expect(ada.find("room-item", room=rooms[0])).to_contain_text("news from afar")
        assert int(ada.find("room-item", room=rooms[0]).get_attribute("data-unread") or 0) > 0
        ada.find("room-item", room=rooms[0]).click()
        ada.sees("news from afar")


def test_a_user_who_leaves_a_private_room_is_no_member_any_more(guests: Guests, room: str, cluster: Cluster) -> None:
    user = unique("user")
    with Writer(cluster) as owner, Writer(cluster, user=user) as other_device:
        club = private_room(owner, user)
        ada = guests.enter_by_token(club, name="Ada", user=user)
        assert club in rooms_of(other_device)
        ada.choose("leave")
        ada.find("confirm").click()
        expect(ada.find("room-item", room=club)).to_have_count(0)
        expect(ada.find("room-item", room="public:lobby")).to_have_attribute("aria-current", "page")
        assert club not in rooms_of(other_device)
        ada.page.reload()
        ada.wait_connected()
        expect(ada.find("room-item", room="public:lobby")).to_be_visible()
        expect(ada.find("room-item", room=club)).to_have_count(0)
        # After a new invitation the room is listed again.
        owner.call("room:invite", {"room": club, "user": user})
        expect(ada.find("room-item", room=club)).to_be_visible()


def test_an_owner_edits_manages_transfers_and_leaves_a_room(guests: Guests, cluster: Cluster) -> None:
    user = unique("user")
    with Writer(cluster, user=user) as device, Writer(cluster, "Grace") as grace:
        club = private_room(device)
        device.call("room:invite", {"room": club, "user": grace.user, "role": "member"})
        ada = guests.enter_by_token(club, name="Ada", user=user)
        row = ada.find("members").locator("li")
        expect(row.filter(has_text="Owner")).to_have_attribute("data-user", user)
        expect(row.filter(has_text="Grace")).to_contain_text("Offline")  # a member who is not in the room now

        ada.choose("about")
        ada.page.get_by_label("Name", exact=True).fill("Book club")
        ada.page.get_by_label("Topic", exact=True).fill("Spoilers after the 20th")
        ada.page.get_by_role("button", name="Save").click()
        expect(ada.page.get_by_role("heading", level=1)).to_have_text("Book club")
        expect(ada.find("topic")).to_have_text("Spoilers after the 20th")
        info = grace.call("room:info", {"room": club})
        assert (info["name"], info["topic"]) == ("Book club", "Spoilers after the 20th")

        carol = unique("carol")
        device.introduce(carol)
        device.call("room:invite", {"room": club, "user": carol})
        ada.page.reload()
        for button, says in (("Make an admin", "Admin"), ("Remove", None)):
            row.and_(ada.page.locator(f'[data-user="{carol}"]')).click()
            ada.page.get_by_role("button", name=button).click()
            line = row.and_(ada.page.locator(f'[data-user="{carol}"]'))
            if says:
                expect(line).to_contain_text(says)
            else:
                expect(line).to_have_count(0)
        assert club not in rooms_of_user(cluster, carol)

        ada.choose("leave")
        ada.find("confirm").click()
        expect(ada.page.get_by_text("its owner cannot leave it")).to_be_visible()
        ada.page.get_by_role("button", name="Stay").click()
        ada.choose("transfer")
        ada.find("heir").fill("gra")
        ada.find("heir-option", key=grace.user).click()
        ada.find("confirm").click()
        expect(row.filter(has_text="Owner")).to_have_attribute("data-user", grace.user)
        expect(row.filter(has_text="Admin")).to_have_attribute("data-user", user)
        assert grace.call("room:info", {"room": club})["owner"] == grace.user
        ada.choose("leave")
        ada.find("confirm").click()
        expect(ada.find("room-item", room=club)).to_have_count(0)
        assert club not in rooms_of(device)


def test_public_rooms_are_browsed_page_by_page_and_joined(guests: Guests, cluster: Cluster) -> None:
    word = unique("Zebra")
    rooms = [f"public:{word.lower()}-{number:02}" for number in range(PAGE + 2)]
    with Writer(cluster, ops=True) as operator:
        # The search must not find this room, whose name is before the searched names in the alphabet.
        operator.call("room:create", {"room": unique("public:first"), "kind": "public", "name": "Aardvark"})
        for number, room in enumerate(rooms):
            operator.call("room:create", {"room": room, "kind": "public", "name": f"{word} {number:02}"})
        operator.call("room:update", {"room": rooms[-1], "topic": "Stripes"})
    ada = guests.enter("Ada", unique("public:start"))
    ada.find("open-browse").click()
    ada.find("browse").fill(word.lower())
    expect(ada.find("browse-option").first).to_contain_text(f"{word} 00")
    expect(ada.find("browse-option")).to_have_count(PAGE)
    ada.page.get_by_role("button", name="Show more").click()
    expect(ada.find("browse-option")).to_have_count(len(rooms))
    expect(ada.find("browse-option").last).to_contain_text("Stripes")
    ada.find("browse-option").last.click()
    expect(ada.page.get_by_role("heading", level=1)).to_have_text(f"{word} {PAGE + 1:02}")
    expect(ada.find("topic")).to_have_text("Stripes")
    ada.find("open-browse").click()
    ada.find("browse").fill(f"{word} {PAGE + 1:02}")
    expect(ada.find("browse-option")).to_have_count(1)
    expect(ada.find("browse-option")).to_contain_text("Joined")
    ada.find("browse").fill(unique("nothing"))
    expect(ada.page.get_by_text("No public room's name begins with this text.")).to_be_visible()
    ada.page.keyboard.press("Escape")
    ada.choose("leave")
    ada.find("confirm").click()
    expect(ada.find("room-item", room=rooms[-1])).to_have_count(0)
    with Writer(cluster, user=ada.user) as device:
        assert rooms[-1] not in rooms_of(device)
    ada.go(rooms[-1])  # every user may join a public room, also after leaving


def test_messages_sent_after_the_first_visit_are_unread_also_after_a_reload(
    guests: Guests, room: str, cluster: Cluster
) -> None:
    ada = guests.enter("Ada", room)
    expect(ada.page.get_by_text("Nothing here yet")).to_be_visible()
    ada.go("public:lobby")
    flood(cluster, room, 5)
    expect(ada.find("room-item", room=room)).to_have_attribute("data-unread", "5")
    ada.page.reload()
    expect(ada.find("room-item", room=room)).to_have_attribute("data-unread", "5")
    ada.find("room-item", room=room).click()
    expect(ada.find("unread-line")).to_be_visible()
    expect(ada.find("room-item", room=room)).to_have_attribute("data-unread", "0")


def test_messages_sent_before_the_first_visit_count_as_read(guests: Guests, room: str, cluster: Cluster) -> None:
    flood(cluster, room, 5)
    ada = guests.enter("Ada", room)
    ada.sees("line 5")
    expect(ada.find("unread-line")).to_have_count(0)
    expect(ada.find("room-item", room=room)).to_have_attribute("data-unread", "0")


def invite(guest: Guest, text: str) -> None:
    guest.find("invite").click()
    guest.find("invite-people").fill(text)
    guest.find("invite-people-option").first.click()


def test_an_unknown_user_id_cannot_be_invited(guests: Guests, cluster: Cluster) -> None:
    user, stranger = unique("user"), unique("stranger")
    with Writer(cluster, user=user) as owner:
        club = private_room(owner)
        ada = guests.enter_by_token(club, name="Ada", user=user)
        ada.find("invite").click()
        ada.find("invite-people").fill("not an id!")
        expect(ada.page.get_by_text("No person here has this name.")).to_be_visible()
        ada.page.keyboard.press("Escape")
        invite(ada, stranger)
        expect(ada.find("invite-error")).to_have_text(f"No person with the id “{stranger}” has been here so far.")
        with Writer(cluster, user=stranger):
            ada.find("invite-people").press("Enter")
        expect(ada.page.get_by_text("was invited")).to_be_visible()
        with Writer(cluster, user=stranger) as late:
            assert club in rooms_of(late)


def test_a_person_is_invited_by_name(guests: Guests, room: str, cluster: Cluster) -> None:
    ada, bob = guests.enter("Ada", room), guests.enter("Bob", room)
    expect(ada.find("members")).to_contain_text(bob.name)
    with Writer(cluster, user=ada.user) as owner:
        club = private_room(owner)
    ada.go(club)
    invite(ada, bob.name.upper())
    expect(ada.page.get_by_text(f"{bob.name} was invited")).to_be_visible()
    expect(bob.find("room-item", room=club)).to_be_visible()


def test_a_status_note_is_shown_to_a_user_who_joins_later(guests: Guests, room: str, cluster: Cluster) -> None:
    with Writer(cluster, name="Grace") as grace:
        grace.call("room:join", {"room": room})
        grace.call("presence", {"status": "busy", "note": "in a meeting until 3"})
        ada = guests.enter("Ada", room)
        grace_line = ada.find("members").locator(f'[data-user="{grace.user}"] .member-line')
        expect(grace_line).to_have_text("in a meeting until 3")
        grace.call("presence", {"status": "online", "note": ""})
        expect(grace_line).to_have_text("Online")
