"""Two stock clients, one on each gateway, chat through nginx: by WebSocket, by polling, and with default transports."""

from __future__ import annotations

import pytest

from tests.cluster.room_clients import LOBBY, Party, Person

TRANSPORTS = {"websocket": ["websocket"], "polling": ["polling"], "default": []}


@pytest.fixture(params=TRANSPORTS)
async def pair(party: Party, request: pytest.FixtureRequest) -> list[Person]:
    """Connect Ada (socket.io-client) and Bob (python-socketio) to different gateways, both in the lobby."""
    people = await party.apart(TRANSPORTS[request.param])
    for person in people:
        await person.join(LOBBY)
    transport = "polling" if request.param == "polling" else "websocket"
    for person in people:
        await person.until(lambda person=person: person.transport == transport, transport)  # type: ignore[misc]
    return people


async def test_messages_arrive_at_both_clients_in_one_order(pair: list[Person]) -> None:
    ada, bob = pair
    acks = [await ada.send("one"), await bob.send("two"), await ada.send("three, with ünïcode 🎉")]
    seqs = [ack["seq"] for ack in acks]
    for person in pair:
        await person.expect("message", seq=seqs[-1])
        said = [person.log[seq] for seq in seqs]
        assert [(one["user"], one["name"], one["text"]) for one in said] == [
            (ada.user, "Ada", "one"),
            (bob.user, "Bob", "two"),
            (ada.user, "Ada", "three, with ünïcode 🎉"),
        ]
        assert [one["seq"] for one in person.seen("message")] == seqs == list(range(seqs[0], seqs[0] + 3))
    assert [one["time"] for one in ada.seen("message")] == [ack["time"] for ack in acks]


async def test_typing_reaches_the_other_client_and_not_the_sender(pair: list[Person]) -> None:
    for writer, reader in (pair, pair[::-1]):
        await writer.wire.emit("typing", {"room": LOBBY, "typing": True})
        await reader.expect("typing", room=LOBBY, user=writer.user, typing=True)
        await writer.wire.emit("typing", {"room": LOBBY, "typing": False})
        await reader.expect("typing", room=LOBBY, user=writer.user, typing=False)
        after = await reader.send("after the typing events")
        await writer.expect("message", seq=after["seq"])
        assert not writer.seen("typing", user=writer.user)


async def test_each_client_sees_the_presence_of_the_other(pair: list[Person]) -> None:
    ada, bob = pair
    for one, other in (pair, pair[::-1]):
        asked = await one.call("presence:query", users=[other.user])
        assert asked["users"][other.user]["status"] == "online"
    for one, other in (pair, pair[::-1]):
        await one.call("presence", status="busy", note=f"{one.name} works")
        told = await other.expect_presence(one.user, "busy")
        assert told["note"] == f"{one.name} works"
    await ada.call("presence", status="invisible")
    await bob.expect_presence(ada.user, "offline")


async def test_a_disconnected_client_is_offline_and_not_in_the_list_of_members(party: Party) -> None:
    ada, bob = await party.apart()
    for person in (ada, bob):
        await person.join(LOBBY)
    await bob.close()
    await ada.expect_presence(bob.user, "offline")
    assert bob.user not in str(await ada.call("room:members", room=LOBBY))


async def test_a_joining_client_gets_members_and_earlier_messages(party: Party, pair: list[Person]) -> None:
    ada, bob = pair
    said = [(await one.send(f"number {n}"))["seq"] for n, one in enumerate(pair * 3)]
    eve = await party.person("eve")
    joined = await eve.join(LOBBY)
    assert [message["seq"] for message in joined["messages"]][-6:] == said
    assert joined["members"][0]["user"] == eve.user
    members = (await eve.call("room:members", room=LOBBY))["members"]
    assert {ada.user, bob.user, eve.user} <= {member["user"] for member in members}
    older = await eve.call("message:history", room=LOBBY, before=said[4], limit=3)
    assert [message["seq"] for message in older["messages"]] == said[1:4]
    assert [message["text"] for message in older["messages"]] == ["number 1", "number 2", "number 3"]


async def test_edits_deletions_reactions_and_receipts_reach_the_other_client(pair: list[Person]) -> None:
    ada, bob = pair
    said = (await ada.send("helo"))["seq"]
    await ada.call("message:edit", room=LOBBY, id=f"{ada.user}-edit", target=said, text="hello")
    await bob.expect("message", kind="edit", target=said, text="hello")
    await bob.call("message:react", room=LOBBY, id=f"{bob.user}-react", target=said, emoji="👍", on=True)
    await ada.expect("message", kind="reaction", target=said, emoji="👍", on=True, user=bob.user)
    await bob.call("receipt:read", room=LOBBY, seq=said)
    await ada.expect("receipt", room=LOBBY, user=bob.user, seq=said)
    await ada.call("message:delete", room=LOBBY, id=f"{ada.user}-delete", target=said)
    await bob.expect("message", kind="delete", target=said)
    page = await bob.call("message:history", room=LOBBY, before=said + 1, limit=1)
    assert "hello" not in str(page)
    assert "helo" not in str(page)


async def test_an_invitation_admits_a_client_of_the_other_gateway_to_a_private_room(pair: list[Person]) -> None:
    ada, bob = pair
    room = f"team:{ada.user}"
    await ada.call("room:create", room=room, kind="private", name="Team")
    refused = await bob.wire.call("room:join", {"room": room}, 5)
    assert refused["error"]["reason"] == "forbidden"
    await ada.call("room:invite", room=room, user=bob.user)
    await bob.expect("room", room=room, change="invited", name="Team")
    await bob.join(room)
    await ada.call("message:send", room=room, id=f"{ada.user}-secret", text="between us")
    await bob.expect("message", room=room, text="between us")
