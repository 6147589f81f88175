"""The rooms that clients follow, the totals of each client, and the channels of the followed rooms."""

from __future__ import annotations

import random

from roomcast.contract.keys import activity_channel
from roomcast.gateway.inbox.followed_rooms import MIXED, Interest, WatchedRoom, state_of
from tests.unit.gateway.fakes import line_of, session_of


def test_a_channel_is_unsubscribed_when_its_last_client_unfollows_its_last_room() -> None:
    interest = Interest()
    phone, desk = (interest.add_watcher(session_of("ada", sid=sid)) for sid in ("phone", "desk"))
    assert interest.add_watcher(phone.session) is phone
    assert [interest.follow(phone, "a"), interest.follow(phone, "a"), interest.follow(desk, "a")] == [True, False, True]
    assert interest.unfollow(phone, "a") is None
    assert interest.unfollow(phone, "a") is None
    assert interest.unfollow(desk, "a") == activity_channel("a")
    assert (interest.rooms, phone.rooms, desk.rooms) == (0, [], [])


def test_the_rooms_of_a_removed_client_are_no_longer_followed() -> None:
    interest = Interest()
    ada, bob = (interest.add_watcher(session_of(user)) for user in ("ada", "bob"))
    for room in ("a", "b", "c"):
        interest.follow(ada, room)
    interest.follow(bob, "b")
    assert sorted(interest.remove_watcher(ada.session)) == sorted({activity_channel("a"), activity_channel("c")})
    assert interest.remove_watcher(ada.session) == []
    assert [watcher.session.user for watcher in interest] == ["bob"]
    assert interest.watchers_of("ada") == []


def test_a_channel_is_reported_as_no_longer_needed_when_its_last_room_is_unfollowed() -> None:
    rng, interest = random.Random(5), Interest()
    watchers = [interest.add_watcher(session_of(f"user{number}")) for number in range(4)]
    followed: dict[str, set[tuple[int, str]]] = {}
    ends = 0
    for _ in range(3_000):
        number, room = rng.randrange(4), f"room{rng.randrange(600)}"
        channel = activity_channel(room)
        on_channel = followed.setdefault(channel, set())
        was_followed = (number, room) in on_channel
        if rng.random() < 0.5:
            assert interest.follow(watchers[number], room) is not was_followed
            on_channel.add((number, room))
        else:
            on_channel.discard((number, room))
            is_last = was_followed and not on_channel
            assert interest.unfollow(watchers[number], room) == (channel if is_last else None)
            ends += is_last
    assert ends > 10


def test_the_totals_of_a_client_are_the_sums_over_its_lines() -> None:
    interest = Interest()
    watcher = interest.add_watcher(session_of("ada"))
    for room in "cadb":
        interest.follow(watcher, room)
    watcher.record_all([line_of("a", unread=3, mentions=1), line_of("b"), line_of("c", unread=2)])
    assert (watcher.unread, watcher.mentions) == (5, 1)
    watcher.record("a", 1, 0)
    watcher.record("d", 4, 4)
    watcher.record("c", 0, 0)
    watcher.record("not followed", 5, 5)
    assert (watcher.unread, watcher.mentions) == (5, 4)
    interest.unfollow(watcher, "d")
    assert (watcher.unread, watcher.mentions) == (1, 0)
    watcher.record("b", 2**32, 100)
    assert (watcher.unread, watcher.mentions) == (2**32 + 1, 100)
    watcher.record_all([])
    assert (watcher.unread, watcher.mentions) == (0, 0)


def test_told_is_mixed_once_two_watchers_of_a_room_know_different_states() -> None:
    watched = WatchedRoom("a")
    watched.note_known(state_of(5, "x"))
    watched.note_known(state_of(5, "x"))
    assert watched.told == state_of(5, "x")
    assert len({state_of(5, "x"), state_of(6, "x"), state_of(5, "y"), MIXED}) == 4
    watched.note_known(state_of(6, "x"))
    assert watched.told == MIXED
    watched.note_known(state_of(6, "x"))  # the other watcher still knows an older state
    assert watched.told == MIXED


def test_rooms_with_news_returns_the_rooms_with_unread_messages() -> None:
    interest = Interest()
    watcher = interest.add_watcher(session_of("ada"))
    for room in ("a", "b", "c"):
        interest.follow(watcher, room)
    watcher.record_all([line_of("b", unread=2), line_of("c", unread=0)])
    assert watcher.rooms_with_news() == {"b"}
    assert (interest.room_names(), interest.users()) == (["a", "b", "c"], ["ada"])
