"""Random actions of users with various rights: the answers of two gateways must follow the access model."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from tests import gateways, servers
from tests.attack import access_model
from tests.attack.access_model import OK, Action
from tests.gateways import Client, Clients, Gateway, Json
from tests.waiting import until

ACTIONS = 800
"""Random actions per seed."""
SEEDS = (1, 2, 3, 4)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Gateway]]:
    """Run two gateways without rate limits, because the users act as fast as they can."""
    with servers.redis_server(tmp_path_factory.mktemp("redis")) as port:
        url, folder = f"redis://127.0.0.1:{port}/0", tmp_path_factory.mktemp("gateways")
        with gateways.gateways(folder, url, 2, EVENTS_PER_SECOND="2000", ROOMS_PER_DAY="10000") as running:
            yield running


def payload(action: Action) -> Json:
    """Return the payload of the action's event."""
    fields: dict[str, Json] = {
        "room:create": {"kind": action.value},
        "room:invite": {"user": action.other.id, "role": action.value},
        "room:remove": {"user": action.other.id},
        "room:sanction": {"user": action.other.id, "kind": action.value, "on": action.on},
        "room:slow": {"seconds": 0},
        "receipt:read": {"seq": 1},
        "message:send": {"id": uuid4().hex, "text": "hello"},
        "message:edit": {"id": uuid4().hex, "target": action.target, "text": "changed"},
        "message:delete": {"id": uuid4().hex, "target": action.target},
        "message:react": {"id": uuid4().hex, "target": action.target, "emoji": "x", "on": True},
    }
    return {"room": action.room.id, **fields.get(action.event, {})}


CHANGES = {("mute", True): "muted", ("mute", False): "unmuted", ("ban", True): "banned", ("ban", False): "unbanned"}


def expected_change(action: Action, outcome: str) -> str:
    """Return the `change` of the `room` event that the other user gets, or "".

    Once the other user has this event, the change is in force on that user's gateway.
    """
    if action.event == "room:remove":
        return "removed" if outcome == OK else ""
    return CHANGES[action.value, action.on] if action.event == "room:sanction" and outcome == OK else ""


def count_received(client: Client, action: Action, change: str) -> int:
    """Return how many `room` events with this change the client has received."""
    return len(client.seen("room", lambda data: data["room"] == action.room.id and data["change"] == change))


def has_received_more(client: Client, action: Action, change: str, before: int) -> bool:
    """Tell whether the client has received more than `before` `room` events with this change."""
    return count_received(client, action, change) > before


@pytest.mark.parametrize("seed", SEEDS)
async def test_every_answer_follows_the_access_model(pair: list[Gateway], clients: Clients, seed: int) -> None:
    dice, tag = random.Random(seed), uuid4().hex[:6]
    people, places = access_model.users(tag), access_model.rooms(tag)
    devices: dict[str, Client] = {}
    for number, person in enumerate(people):
        claims: dict[str, Any] = {"rooms": list(person.rooms), "create": list(person.create), "ops": person.ops}
        devices[person.id] = await clients(pair[number % 2], person.id, **claims)
    outcomes: dict[str, set[str]] = {}
    history: list[str] = []
    for _ in range(ACTIONS):
        action = access_model.random_action(dice, people, places)
        allowed = access_model.expected(action)
        other = devices[action.other.id]
        before = {change: count_received(other, action, change) for change in (*CHANGES.values(), "removed")}
        answer = await devices[action.user.id].call(action.event, payload(action))
        outcome = OK if answer["ok"] else answer["error"]["reason"]
        history.append(f"{action.user.id} {action.event} {payload(action)}: {outcome}")
        assert outcome in allowed, (allowed, history[-12:])
        outcomes.setdefault(action.event, set()).add(outcome)
        if change := expected_change(action, outcome):
            await until(
                partial(has_received_more, other, action, change, before[change]),
                f"{action.other.id} receives {change}",
            )
        if outcome == OK:
            access_model.apply(action, answer.get("seq", 0))
    assert all(len(seen) >= 2 for seen in outcomes.values()), outcomes
