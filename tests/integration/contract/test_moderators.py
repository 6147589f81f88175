"""The Lua scripts for actions of moderators check the moderator's right themselves.

After a gateway has checked the right, and before its script runs, the room may be closed, and created again by another
user. A moderator of the old room has no right in the new room.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import redis

from roomcast.contract import keys
from roomcast.contract.lua import script

ROOM = "team:new"
META, MEMBERS, SANCTIONS = keys.room_meta(ROOM), keys.room_members(ROOM), keys.room_sanctions(ROOM)
BY = "<by>"
"""Placeholder for the id of the acting user."""
ACTIONS: dict[str, tuple[str, Sequence[str], Sequence[Any], Any, Any]] = {
    "invite": ("room_grant", (META, MEMBERS), ("eve", "admin", BY), 1, -2),
    "remove": ("room_remove", (MEMBERS, keys.room_kicked(ROOM)), ("bob", 60, BY), b"removed", b"refused"),
    "rename": ("room_update", (META, MEMBERS), (BY, "name", "New"), 1, -1),
    "ban": ("room_sanction", (SANCTIONS, META, MEMBERS), ("ban:bob", 0, 1_000, BY), 0, -4),
    "unban": ("room_sanction", (SANCTIONS, META, MEMBERS), ("ban:zoe", -1, 1_000, BY), -1, -4),
    "slow mode": ("room_slow_set", (SANCTIONS, META, MEMBERS), (30, BY), 1, -1),
}
"""Per action: script, keys, arguments, result for a moderator, result for a user without the right."""


@pytest.mark.parametrize("action", ACTIONS)
def test_only_a_moderator_of_the_present_room_may_act(redis_url: str, action: str) -> None:
    name, names, arguments, done, refused = ACTIONS[action]

    def act(client: redis.Redis, by: str) -> Any:
        given = (by if each == BY else each for each in arguments)
        answer = client.eval(script(name).source.decode(), len(names), *names, *given)
        return answer[0] if isinstance(answer, list) else answer

    with redis.Redis.from_url(redis_url) as client:
        for by, expected in {"": done, "ada": done, "al": done, "bob": refused, "eve": refused}.items():
            client.delete(META, MEMBERS, SANCTIONS, keys.room_kicked(ROOM))
            client.hset(META, mapping={"kind": "private", "owner": "ada", "name": "Old"})
            client.hset(MEMBERS, mapping={"ada": "owner", "al": "admin", "bob": "member"})
            client.hset(SANCTIONS, "ban:zoe", 0)
            before = [client.dump(key) for key in (META, MEMBERS, SANCTIONS)]
            is_oneself = action == "remove" and by == "bob"
            assert act(client, by) == (done if is_oneself else expected)
            is_unchanged = before == [client.dump(key) for key in (META, MEMBERS, SANCTIONS)]
            assert is_unchanged is (expected == refused and not is_oneself)


def test_a_moderator_cannot_sanction_the_owner(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.hset(META, "kind", "private")
        client.hset(MEMBERS, mapping={"ada": "owner", "al": "admin"})
        source = script("room_sanction").source.decode()
        for seconds in (60, -1):
            assert client.eval(source, 3, SANCTIONS, META, MEMBERS, "ban:ada", seconds, 1_000, "al") == -5
        assert client.eval(source, 3, SANCTIONS, META, MEMBERS, "ban:ada", 0, 1_000, "") == 0
