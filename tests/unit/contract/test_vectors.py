"""The golden files in `contract/vectors/` match the Python contract. A test of `web/sdk` reads `browser.json`, too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from roomcast import contract
from roomcast.contract.envelope import OccupancyChange
from roomcast.contract.errors import Code
from roomcast.contract.events.client_events import EVENTS
from roomcast.contract.events.server_events import SERVER_EVENTS
from roomcast.contract.ids import encode_subject, is_room_id, is_user_id
from roomcast.contract.limits import HEARTBEAT_SECONDS, MAX_LIST, TYPING_SECONDS
from roomcast.wire import envelope
from roomcast.wire.envelope import RoomPacket

VECTORS = Path(contract.__file__).parent / "vectors"
BROWSER: dict[str, Any] = json.loads((VECTORS / "browser.json").read_text())
PACKETS: dict[str, Any] = json.loads((VECTORS / "room_packets.json").read_text())["packets"]


class TestBrowser:
    def test_the_events_of_clients_and_servers_match(self) -> None:
        assert BROWSER["client_events"] == list(EVENTS)
        assert BROWSER["server_events"] == list(SERVER_EVENTS)

    def test_the_error_codes_match(self) -> None:
        ours = {code.reason: {"code": code.number, "retryable": code.retryable} for code in Code}
        assert BROWSER["errors"] == ours

    def test_the_limits_match(self) -> None:
        assert BROWSER["limits"] == {
            "heartbeat_seconds": HEARTBEAT_SECONDS,
            "typing_seconds": TYPING_SECONDS,
            "max_list": MAX_LIST,
        }

    @pytest.mark.parametrize("verdict", ["valid", "invalid"])
    def test_functions_and_payloads_accept_the_same_ids(self, verdict: str) -> None:
        rooms, users, expected = BROWSER["room_ids"][verdict], BROWSER["user_ids"][verdict], verdict == "valid"
        assert rooms
        assert users
        assert {room: is_room_id(room) for room in rooms} == dict.fromkeys(rooms, expected)
        assert {user: is_user_id(user) for user in users} == dict.fromkeys(users, expected)
        assert {room: accepts("room:leave", room=room) for room in rooms} == dict.fromkeys(rooms, expected)
        assert {user: accepts("presence:query", users=[user]) for user in users} == dict.fromkeys(users, expected)

    def test_subjects_become_the_same_user_ids(self) -> None:
        assert {subject: user_of(subject) for subject in BROWSER["subjects"]} == BROWSER["subjects"]

    def test_browser_json_has_no_other_fields(self) -> None:
        known = {"about", "client_events", "server_events", "errors", "limits", "room_ids", "user_ids", "subjects"}
        assert set(BROWSER) == known


def user_of(subject: str) -> str | None:
    """Return the user id of a subject, or None if the gateway refuses it."""
    try:
        return encode_subject(subject)
    except ValueError:
        return None


def accepts(event: str, **payload: Any) -> bool:
    try:
        msgspec.convert(payload, EVENTS[event])
    except msgspec.ValidationError:
        return False
    return True


class TestRoomPackets:
    def test_every_kind_has_a_sample(self) -> None:
        assert sorted(sample["kind"] for sample in PACKETS.values()) == [1, 2, 3, 4, 5]

    @pytest.mark.parametrize("name", PACKETS)
    def test_a_sample_is_unpacked_to_its_fields(self, name: str) -> None:
        sample = PACKETS[name]
        epoch = sample["epoch"].encode() if sample["epoch"] is not None else envelope.NO_EPOCH
        read = envelope.unpack_room(bytes.fromhex(sample["hex"]))
        assert read[:-1] == (sample["kind"], epoch, sample["seq"], sample["namespace"], tuple(sample["skip"]))
        assert content(read) == (sample.get("text"), sample.get("attachments", []), sample.get("note"))

    @pytest.mark.parametrize("name", ["event", "binary", "close", "note"])
    def test_a_sample_is_packed_to_the_same_bytes(self, name: str) -> None:
        assert pack(PACKETS[name]).hex() == PACKETS[name]["hex"]


def content(packet: RoomPacket) -> tuple[str | None, list[str], Any]:
    """Return the text, the attachments as hex, and the note of a packet, in the form of a sample."""
    if packet.kind == envelope.KIND_NOTE:
        note = envelope.Reader(OccupancyChange).unpack(packet.body)
        return None, [], json.loads(msgspec.json.encode(note))
    if packet.kind == envelope.KIND_BINARY:
        text, attachments = envelope.split_attachments(packet.body)
        return text.decode(), [attachment.hex() for attachment in attachments], None
    return packet.body.decode(), [], None


def pack(sample: dict[str, Any]) -> bytes:
    namespace = sample["namespace"]
    match sample["kind"]:
        case envelope.KIND_CLOSE:
            return envelope.pack_close(namespace)
        case envelope.KIND_NOTE:
            return envelope.pack_note(namespace, msgspec.convert(sample["note"], OccupancyChange))
        case _:
            attachments = tuple(bytes.fromhex(text) for text in sample.get("attachments", []))
            return envelope.pack_event(namespace, sample["text"].encode(), tuple(sample["skip"]), attachments)
