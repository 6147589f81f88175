"""Envelopes between processes. Packed messages are unpacked, and all other bytes are refused."""

import operator
import struct

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roomcast.adapter.node_messages import Canary, Disconnect, Emit, EmitAck, Membership, NodeMessage
from roomcast.contract.envelope import MediaReply
from roomcast.wire import envelope as e

ASCII = st.characters(codec="ascii")


def _fits(values: list[int | str | bytes]) -> bool:
    return all(not isinstance(value, int) or -(2**63) <= value < 2**64 for value in values)


EVENTS = st.text(max_size=100).map(lambda text: b'2["' + text.encode() + b'"]')
FAMILY = NodeMessage | MediaReply


@given(st.text(max_size=30), EVENTS, st.lists(st.from_regex(r"\Ag1\.[\w-]{5,20}\Z", alphabet=ASCII), max_size=3))
def test_a_packed_event_is_unpacked(namespace: str, packet: bytes, skip: list[str]) -> None:
    got = e.unpack_room(e.pack_event(namespace, packet, tuple(skip)))
    assert (got.kind, got.seq, got.namespace, got.skip, got.body) == (
        e.KIND_EVENT,
        0,
        namespace,
        tuple(skip),
        packet,
    )


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=4))
def test_packed_attachments_are_unpacked(attachments: list[bytes]) -> None:
    packet = b'5%d-["e"]' % len(attachments)
    got = e.unpack_room(e.pack_event("/", packet, (), tuple(attachments)))
    assert got.kind == e.KIND_BINARY
    assert e.split_attachments(got.body) == (packet, attachments)


HEADERS = st.builds(
    lambda version, kind, seq, a, b: struct.pack(">BB16sQBH", version, kind, b"e" * 16, seq, a, b),
    st.sampled_from([1, 2]),
    st.integers(0, 8),
    st.integers(0, 2**64 - 1),
    st.integers(0, 20),
    st.integers(0, 40),
)


@given(st.one_of(st.binary(max_size=60), st.builds(operator.add, HEADERS, st.binary(max_size=90))))
@settings(max_examples=500)
def test_any_bytes_are_a_room_packet_or_an_envelope_error(data: bytes) -> None:
    try:
        packet = e.unpack_room(data)
        if packet.kind == e.KIND_BINARY:
            e.split_attachments(packet.body)
    except e.EnvelopeError:
        return
    assert data[0] == e.VERSION
    assert packet.kind in range(1, 7)
    if packet.kind in (e.KIND_MESSAGE, e.KIND_EVENT):
        assert packet.body.decode().startswith("2")


@given(
    st.one_of(
        st.binary(max_size=80),
        st.recursive(
            st.none() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=8) | st.binary(max_size=8),
            lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        ).map(msgspec.msgpack.encode),
        st.builds(
            lambda tag, rest: msgspec.msgpack.encode([tag, *rest]),
            st.sampled_from(["emit", "emit_ack", "disconnect", "membership", "canary", "media"]),
            st.lists(st.integers() | st.text(max_size=5) | st.binary(max_size=5), max_size=6).filter(_fits),
        ),
    ),
    st.integers(0, 200),
)
@settings(max_examples=500)
def test_any_bytes_are_a_node_message_or_an_envelope_error(data: bytes, size: int) -> None:
    try:
        message = e.Reader(FAMILY).unpack(b"\x01" + data[: size or None])
    except e.EnvelopeError:
        return
    assert isinstance(message, (Canary, Disconnect, Emit, EmitAck, Membership, MediaReply))


@pytest.mark.parametrize(
    "data", [b"\x91" * 5_000, b"\x94\xaadisconnect\xa1\xff\xa1a", b"\x93\xaadisconnect\xa1/\xa2\xc3("]
)
def test_deep_nesting_and_invalid_texts_are_envelope_errors(data: bytes) -> None:
    with pytest.raises(e.EnvelopeError):
        e.Reader(FAMILY).unpack(b"\x01" + data)


def _room(kind: int, namespace: bytes, skip: bytes, body: bytes) -> bytes:
    return struct.pack(">BB16sQBH", 1, kind, bytes(16), 0, len(namespace), len(skip)) + namespace + skip + body


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(_room(e.KIND_EVENT, b"\xff\xfe", b"", b"2[]"), id="the namespace is not UTF-8"),
        pytest.param(_room(e.KIND_EVENT, b"/", b"\xff", b"2[]"), id="the skip list is not ASCII"),
        pytest.param(_room(e.KIND_EVENT, b"/", b"", b'2["\xff"]'), id="the packet is not UTF-8"),
        pytest.param(_room(e.KIND_EVENT, b"/", b"", b'2["cut'), id="the packet is truncated"),
        pytest.param(_room(e.KIND_EVENT, b"/", b"", b""), id="there is no packet"),
        pytest.param(_room(e.KIND_MESSAGE, b"/", b"", b"1"), id="the packet disconnects"),
        pytest.param(_room(e.KIND_EVENT, b"/", b"", b"2[]")[:30], id="the envelope is truncated"),
        pytest.param(_room(9, b"/", b"", b"2[]"), id="the kind is unknown"),
    ],
)
def test_a_packet_that_would_end_the_connections_of_clients_is_refused(data: bytes) -> None:
    with pytest.raises(e.EnvelopeError):
        e.unpack_room(data)


@pytest.mark.parametrize("packet", [b'51-["e"', b'52-["e"]', b'2["e"]', b'51-["\xff"]'])
def test_attachments_that_do_not_fit_their_packet_are_refused(packet: bytes) -> None:
    body = e.unpack_room(e.pack_event("/", packet, (), (b"one",))).body
    with pytest.raises(e.EnvelopeError):
        e.split_attachments(body)


@pytest.mark.parametrize("data", [b"", b"\x02\x91", b"\x01", b"\x01\xff", b"\x01\x93\xa6nobody\xa1a\x01"])
def test_node_messages_of_another_form_are_refused(data: bytes) -> None:
    with pytest.raises(e.EnvelopeError):
        e.Reader(FAMILY).unpack(data)


@pytest.mark.parametrize(
    "message",
    [
        Emit("/", "g1.x", b"2[]", (b"a",), "2", 7),
        EmitAck(7, b"\x91\x01"),
        Disconnect("/", "g1.x"),
        Membership("/", "g1.x", "room", enter=True),
        Canary("i", 3),
        MediaReply("r", {"url": "u"}),
    ],
)
def test_packed_node_messages_are_unpacked(message: NodeMessage) -> None:
    assert e.Reader(FAMILY).unpack(e.pack(message)) == message


def test_an_envelope_of_the_next_version_is_refused() -> None:
    data = bytes((e.VERSION + 1,)) + e.pack_event("/", b"2[]")[1:]
    with pytest.raises(e.EnvelopeError):
        e.unpack_room(data)
