"""Socket.IO packets are read and written. Packets that a client must not send are refused."""

from __future__ import annotations

from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from socketio import packet as stock

from roomcast.socketio.packet import TOO_LARGE, StrictPacket


def decoded(text: str) -> StrictPacket:
    return StrictPacket(encoded_packet=text)


@pytest.mark.parametrize(
    ("text", "kind", "namespace", "ack", "data"),
    [
        ("0", 0, None, None, None),
        ('0{"token":"1"}', 0, None, None, {"token": "1"}),
        ("0/admin", 0, "/admin", None, None),
        ("0/admin,", 0, "/admin", None, None),
        ('0/admin?a=b,{"t":1}', 0, "/admin", None, {"t": 1}),
        ("1", 1, None, None, None),
        ("1/admin,", 1, "/admin", None, None),
        ('2["a"]', 2, None, None, ["a"]),
        ('2/x,12["a",{}]', 2, "/x", 12, ["a", {}]),
        ("312[]", 3, None, 12, []),
        ('2["a,b/c"]', 2, None, None, ["a,b/c"]),
        ('50-["a"]', 5, None, None, ["a"]),
        ('27["a",{"text":"\\ud83d"}]', 2, None, 7, ["a", {"text": "\ud83d"}]),
        ('2["\\uDE00",1.5]', 2, None, None, ["\ude00", 1.5]),
    ],
)
def test_a_valid_packet_is_read(text: str, kind: int, namespace: str | None, ack: int | None, data: Any) -> None:
    packet = decoded(text)
    assert (packet.packet_type, packet.namespace, packet.id, packet.data) == (kind, namespace, ack, data)


@pytest.mark.parametrize(
    "text",
    [
        "abc",
        "7",
        "9",
        "2",
        "2{}",
        "2[]",
        "2[1]",
        '2abc["a"]',
        '2["a"',
        '2["a"]]',
        '2["connect"]',
        '2["disconnect",1]',
        '2["disconnecting"]',
        '51-["connect",{"_placeholder":true,"num":0}]',
        '2["a",NaN]',
        '2["a",Infinity]',
        '2["a",-Infinity]',
        '2["a",NaN,"\\ud800"]',
        '2["a",-Infinity,"\\ud800"]',
        '2["a",1e400,"\\ud800"]',
        '2["a","\\ud800"',
        "3[]",
        "31{}",
        "1{}",
        '4{"message":"x"}',
        '5["a"]',
        '511-["a"]',
        '59999999999-["a"]',
        '599999999999-["a"]',
        '21-["a"]',
        '2٣["a"]',
        '2["a",' + "[" * 100 + "]" * 100 + "]",
        '2["a",' + "[" * 5000 + "]" * 5000 + "]",
        '2["a",' + '{"a":' * 100 + "1" + "}" * 100 + "]",
    ],
)
def test_a_malformed_packet_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        decoded(text)


@pytest.mark.parametrize("head", ["27", "2/x,7", "51-7", "0"])
@pytest.mark.parametrize(
    "payload",
    [
        '["a",NaN]',
        '["a",{"b":-Infinity}]',
        '["a",1e400]',
        '["a",-1e400,"\\ud800"]',
        '["a",1' + "0" * 400 + "]",
        '["a",-' + "9" * 20_000 + "]",
        '["a",' + "[" * 100 + "]" * 100 + "]",
        '["a",' + "[" * 5000 + "]" * 5000 + "]",
        "[1]",
        "[null]",
        "[]",
    ],
    ids=lambda payload: payload[:20],
)
def test_a_bad_packet_that_a_working_client_can_send_has_a_fault_and_no_data(head: str, payload: str) -> None:
    packet = decoded(head + payload)
    assert packet.fault is not None
    assert not packet.fault.is_too_large
    assert packet.data is None
    assert packet.id == (None if head == "0" else 7)


def test_a_lone_surrogate_is_a_fault_in_a_large_packet_only() -> None:
    assert decoded('27["a","%s\\ud83d"]' % ("x" * 1_000)).fault is None
    assert decoded('27["a","%s\\ud83d"]' % ("x" * 20_000)).fault is not None


@pytest.mark.parametrize("end", ["NaN", "1e400", '"\\ud83d"', "[" * 65 + "]" * 65])
@pytest.mark.parametrize("filling", ["1,", "1.5,", '{"a":1},', '"b",', "[[]],"])
def test_a_large_bad_packet_is_refused_within_milliseconds(filling: str, end: str) -> None:
    text = f'27["a",{filling * (98_000 // len(filling))}{end}]'
    times = []
    for _ in range(10):
        started = process_time()
        assert decoded(text).fault is not None
        times.append(process_time() - started)
    assert min(times) < 0.006, "0.3 to 2 ms on an idle machine"


@pytest.mark.parametrize("auth", ["[]", '"a token"', " 7", "true", '{"token":1e999}'])
def test_a_connect_whose_auth_is_not_an_object_has_a_fault(auth: str) -> None:
    assert decoded("0" + auth).fault is not None


@pytest.mark.parametrize("text", ['27["a"', '27["a",tru]', '27{"a":1}', '27["connect"]', '27["disconnect",{}]', "27"])
def test_a_packet_that_no_working_client_sends_is_refused_although_it_has_an_ack_id(text: str) -> None:
    with pytest.raises(ValueError):
        decoded(text)


@pytest.mark.parametrize(
    ("head", "found"),
    [
        ('27["message:send",{"te', (2, None, 7, 0)),
        ("2/chat,12[", (2, "/chat", 12, 0)),
        ('53-/chat?a=b,12["a"', (5, "/chat", 12, 3)),
        ('0{"token":"x', (0, None, None, 0)),
    ],
)
def test_the_beginning_of_an_oversized_packet_gives_a_packet_with_a_fault(
    head: str, found: tuple[int, str | None, int | None, int]
) -> None:
    packet = StrictPacket.oversized(head)
    assert (packet.packet_type, packet.namespace, packet.id, packet.attachment_count) == found
    assert packet.fault is not None
    assert packet.fault.is_too_large


@pytest.mark.parametrize("head", ['2["a"', "x", "", "31[", "1", '4{"a"', '511-1["a"', "2/" + "x" * 254])
def test_the_beginning_of_an_oversized_packet_that_cannot_be_answered_is_refused(head: str) -> None:
    with pytest.raises(ValueError):
        StrictPacket.oversized(head)


@pytest.mark.parametrize("packet", ['61-7[{"_placeholder":true,"num":0}]', '51-["a",{"_placeholder":true,"num":0}]'])
def test_a_binary_ack_or_an_event_without_an_ack_id_cannot_get_a_fault(packet: str) -> None:
    with pytest.raises(ValueError, match=TOO_LARGE.detail):
        decoded(packet).refuse(TOO_LARGE)


def test_the_attachments_of_a_packet_with_a_fault_are_counted_and_dropped() -> None:
    packet = decoded('52-7["a",1e400]')
    assert not packet.add_attachment(b"zero")
    assert packet.add_attachment(b"one")
    assert packet.attachments == [b"", b""]


def test_a_placeholder_without_an_attachment_is_a_fault_in_an_event_with_an_ack_id() -> None:
    packet = decoded('51-7["a",{"_placeholder":true,"num":1}]')
    assert packet.add_attachment(b"x")
    assert packet.fault is not None
    assert packet.data is None


def test_many_brackets_without_deep_nesting_are_accepted() -> None:
    packet = decoded('2["a",[' + ",".join(['{"text":"[[[[{{{{\\""}'] * 200) + "]]")
    assert len(packet.data[1]) == 200


def test_attachments_replace_their_placeholders() -> None:
    packet = decoded('52-["a",{"b":{"_placeholder":true,"num":1}},{"_placeholder":true,"num":0}]')
    assert packet.attachment_count == 2
    assert not packet.add_attachment(b"zero")
    assert packet.add_attachment(b"one")
    assert packet.data == ["a", {"b": b"one"}, b"zero"]


@pytest.mark.parametrize("number", ["-1", "1", "true", '"0"', "0.0", "null", "{}"])
def test_a_placeholder_with_an_invalid_number_is_refused(number: str) -> None:
    packet = decoded('51-["a",{"_placeholder":true,"num":%s}]' % number)  # noqa: UP031 (braces)
    with pytest.raises(ValueError, match="placeholder"):
        packet.add_attachment(b"x")


def test_two_placeholders_for_one_attachment_are_refused() -> None:
    packet = decoded('51-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]')
    with pytest.raises(ValueError, match="placeholder"):
        packet.add_attachment(b"x")


@pytest.mark.parametrize(
    ("packet", "text"),
    [
        (StrictPacket(stock.EVENT, ["a", {"b": 1}]), '2["a",{"b":1}]'),
        (StrictPacket(stock.EVENT, ["a"], namespace="/x", id=7), '2/x,7["a"]'),
        (StrictPacket(stock.ACK, [], namespace="/", id=7), "37[]"),
        (StrictPacket(stock.CONNECT, {"sid": "s"}), '0{"sid":"s"}'),
        (StrictPacket(stock.DISCONNECT, namespace="/x"), "1/x,"),
        (StrictPacket(stock.EVENT, ["a", float("nan")]), '2["a",null]'),
        (StrictPacket(stock.EVENT, ["a", 2**70]), '2["a",1180591620717411303424]'),
    ],
)
def test_a_packet_is_written_as_text(packet: StrictPacket, text: str) -> None:
    assert packet.encode() == text


def test_attachments_are_written_after_the_text() -> None:
    encoded = StrictPacket(stock.EVENT, ["a", {"b": b"\x01"}], id=1).encode()
    assert encoded == ['51-1["a",{"b":{"_placeholder":true,"num":0}}]', b"\x01"]


@given(st.text(max_size=60))
def test_arbitrary_text_is_read_or_refused(text: str) -> None:
    try:
        packet = decoded(text)
    except ValueError:
        return
    assert not text or packet.packet_type in range(7)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values, st.none() | st.integers(0, 10**15), st.sampled_from(["/", "/a", "/a/b"]))
def test_a_written_packet_is_read_back(value: Any, ack: int | None, namespace: str) -> None:
    text = StrictPacket(stock.EVENT, ["name", value], namespace=namespace, id=ack).encode()
    assert isinstance(text, str)
    packet = decoded(text)
    assert (packet.id, packet.namespace or "/", packet.data) == (ack, namespace, ["name", value])
