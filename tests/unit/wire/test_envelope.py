"""Envelopes between processes: what is packed is read back, and nothing else is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomcast.adapter.node_messages import Canary, Disconnect, Emit, EmitAck, Membership, NodeMessage
from roomcast.contract.envelope import MediaReply
from roomcast.wire import envelope as e


@given(st.text(max_size=30), st.binary(max_size=200), st.lists(st.from_regex(r"\Ag1\.[\w-]{5,20}\Z"), max_size=3))
def test_an_event_survives_the_journey(namespace: str, packet: bytes, skip: list[str]) -> None:
    got = e.unpack_room(e.pack_event(namespace, packet, tuple(skip)))
    assert (got.kind, got.seq, got.namespace, got.skip, got.body) == (
        e.KIND_EVENT,
        0,
        namespace,
        tuple(skip),
        packet,
    )


@given(st.binary(min_size=1, max_size=50), st.lists(st.binary(max_size=50), min_size=1, max_size=4))
def test_attachments_survive_the_journey(packet: bytes, attachments: list[bytes]) -> None:
    got = e.unpack_room(e.pack_event("/", packet, (), tuple(attachments)))
    assert got.kind == e.KIND_BINARY
    assert e.split_attachments(got.body) == (packet, attachments)


@given(st.binary(max_size=60))
def test_anything_else_is_refused(data: bytes) -> None:
    try:
        packet = e.unpack_room(data)
    except (e.EnvelopeError, UnicodeDecodeError):
        return
    assert data[0] == e.VERSION
    assert packet.kind in range(1, 6)


@pytest.mark.parametrize("data", [b"", b"\x02\x91", b"\x01", b"\x01\xff", b"\x01\x93\xa6nobody\xa1a\x01"])
def test_node_messages_of_another_form_are_refused(data: bytes) -> None:
    with pytest.raises(e.EnvelopeError):
        e.Reader(NodeMessage | MediaReply).unpack(data)


@pytest.mark.parametrize(
    "message",
    [
        Emit("/", "g1.x", b"2[]", (b"a",), "2", 7),
        EmitAck(7, b"[1]"),
        Disconnect("/", "g1.x"),
        Membership("/", "g1.x", "room", enter=True),
        Canary("i", 3),
        MediaReply("r", {"url": "u"}),
    ],
)
def test_node_messages_survive_the_journey(message: NodeMessage) -> None:
    assert e.Reader(NodeMessage | MediaReply).unpack(e.pack(message)) == message


def test_the_next_version_is_refused() -> None:
    data = bytes((e.VERSION + 1,)) + e.pack_event("/", b"2[]")[1:]
    with pytest.raises(e.EnvelopeError):
        e.unpack_room(data)
