"""Plain messages: what is taken, what becomes of it, and that nothing is taken which the ordinary way would refuse."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomcast.contract.events import MessageSend
from roomcast.engineio.rfc6455 import TEXT, unmask
from roomcast.engineio.takeover import unmask as quick_unmask
from roomcast.socketio.packet import StrictPacket
from tests.frames import masked
from tests.unit.hotpath.conftest import compiled, plain
from tests.unit.hotpath.parts import outgoing, pipe, sink

ROOM = "public:talk"
AUTHOR = b',"user":"ada","name":"Ada","kind":"text","text":'
HEAD = b"*2\r\n$7\r\nEVALSHA\r\n"
RECEIPT = [0, 12, 1_764_000_000_000, b"0123456789abcdef"]


class Desk:
    """One session with a ticket for one room."""

    def __init__(self, hot: Any) -> None:
        self.hot = hot
        self.seen: list[str] = []
        self.failed: list[tuple[Any, Any]] = []
        self.out = outgoing(hot)
        self.pipe = pipe(hot)
        self.sink = sink(hot)
        self.tally = hot.OutcomeCounter(hot.Histogram((1.0,)))
        self.lane = hot.FastPath(
            self.out,
            self.tally,
            seen=self.seen.append,
            failed=lambda receipt, reply: self.failed.append((receipt, reply)),
        )
        self.rooms = {ROOM}
        self.ticket = hot.SendTicket(
            sid="sid",
            room=ROOM,
            rooms=self.rooms,
            head=HEAD,
            dedup=b"ada:",
            author=AUTHOR,
            bucket=hot.TokenBucket(1_000.0, 1_000.0, 0.0),
            pipe=self.pipe,
            send=None,
            max_bytes=1_000,
            max_payload=10_000,
        )
        self.sink.book = {ROOM.encode(): self.ticket}

    def take(self, payload: bytes) -> bool:
        return bool(self.lane.take(self.sink, payload))

    def arguments(self) -> list[bytes]:
        """The last three arguments of the command that was queued last."""
        rest = self.pipe.out[-1].removeprefix(HEAD)
        found = []
        while rest:
            size, _, rest = rest.removeprefix(b"$").partition(b"\r\n")
            found.append(rest[: int(size)])
            assert rest[int(size) : int(size) + 2] == b"\r\n"
            rest = rest[int(size) + 2 :]
        return found


@pytest.fixture
def desk(hot: Any) -> Desk:
    return Desk(hot)


def packet(text: str = "hello", *, ack: str = "7", room: str = ROOM, id: str = "a-1", end: str = "") -> bytes:  # noqa: A002
    return f'42{ack}["message:send",{{"room":"{room}","id":"{id}","text":"{text}"{end}}}]'.encode()


# --- on the way in ---


def test_a_plain_message_becomes_a_command(desk: Desk) -> None:
    assert desk.take(packet())
    epoch, dedup, tail = desk.arguments()
    assert re.fullmatch(rb"[0-9a-f]{16}", epoch)
    assert dedup == b"ada:a-1"
    assert tail == b'"id":"a-1","user":"ada","name":"Ada","kind":"text","text":"hello"}'
    assert (desk.lane.in_flight, desk.lane.taken, desk.pipe.asked) == (1, 1, ["began"])


def test_each_message_brings_another_epoch(desk: Desk) -> None:
    epochs = set()
    for number in range(100):
        assert desk.take(packet(id=f"a-{number}"))
        epochs.add(desk.arguments()[0])
    assert len(epochs) == 100


PLAIN = [
    packet(ack=""),
    packet(ack="0"),
    packet(ack="9" * 16),
    packet("é€😀"),
    packet("x" * 1_000),
    packet('say \\"hi\\" \\\\ \\/ \\b\\f\\n\\r\\t'),
    packet("\\u00e9\\u0000\\uD7ff\\uE000\\ud700"),
    packet("\x7f\u2028"),
    packet(end=',"reply_to":1'),
    packet(end=',"reply_to":9007199254740992'),
    packet(id="!~"),
    packet(id="x" * 64),
    packet("]}]"),
]


@pytest.mark.parametrize("payload", PLAIN)
def test_what_is_plain_means_what_the_ordinary_way_says(desk: Desk, payload: bytes) -> None:
    assert desk.take(payload)
    event = StrictPacket(encoded_packet=payload.decode()[1:])
    message = msgspec.convert(event.data[1], MessageSend)
    tail = orjson.loads(b"{" + desk.arguments()[2])
    said = {key: tail.get(key) for key in ("id", "text", "reply_to")}
    assert said == {"id": message.id, "text": message.text, "reply_to": message.reply_to}
    assert set(tail) <= {"id", "user", "name", "kind", "text", "reply_to"}


ODD = [
    b"",
    b"4",
    b"42",
    b"2" + packet()[1:],
    b"43" + packet()[2:],
    packet(ack="07"),
    packet(ack="1" * 17),
    packet(ack="-1"),
    packet(""),
    packet("x" * 1_001),
    packet("tab\there"),
    packet("\\x"),
    packet("\\u12"),
    packet("\\u12g4"),
    packet("\\ud83d\\ude00"),
    packet("\\uDfff"),
    packet("open\\"),
    packet(end=',"reply_to":0'),
    packet(end=',"reply_to":01'),
    packet(end=',"reply_to":9007199254740993'),
    packet(end=',"reply_to":12345678901234567'),
    packet(end=',"reply_to":1.5'),
    packet(end=',"reply_to":-1'),
    packet(end=',"reply_to":'),
    packet(end=',"reply_to":null'),
    packet(end=',"upload":"abcdefgh"'),
    packet(end=" "),
    packet(id=""),
    packet(id="x" * 65),
    packet(id="a b"),
    packet(id="é"),
    packet(id="\x7f"),
    packet(room=""),
    packet(room="public:other"),
    packet(room="r" * 129),
    packet() + b" ",
    packet()[:-1],
    packet()[:-2],
    packet().replace(b'"id":', b'"id": '),
    packet().replace(b"message:send", b"message:edit"),
    packet()[:-4] + b'\xff"}]',
    packet()[:-4] + b'\xed\xa0\x80"}]',
    packet()[:-4] + b'\xc0\x80"}]',
]


@pytest.mark.parametrize("payload", ODD)
def test_what_is_odd_is_left_alone(desk: Desk, payload: bytes) -> None:
    assert not desk.take(payload)
    assert (desk.pipe.out, desk.lane.in_flight, desk.lane.taken, desk.seen) == ([], 0, 0, [])


def test_a_payload_beyond_the_connections_limit_is_not_taken(desk: Desk) -> None:
    desk.ticket.max_payload = len(packet()) - 1
    assert not desk.take(packet())
    desk.ticket.max_payload += 1
    assert desk.take(packet())


def test_a_session_that_left_the_room_has_no_way_in(desk: Desk) -> None:
    desk.rooms.discard(ROOM)
    assert not desk.take(packet())
    desk.rooms.add(ROOM)
    assert desk.take(packet())


def test_a_ticket_ends_with_its_link(desk: Desk) -> None:
    desk.pipe.is_open = False
    assert not desk.take(packet())
    assert desk.sink.book == {}


def test_without_a_book_nothing_is_taken(desk: Desk) -> None:
    desk.sink.book = None
    assert not desk.take(packet())


def test_what_the_bucket_does_not_give_is_not_taken(hot: Any, desk: Desk) -> None:
    desk.ticket.bucket = hot.TokenBucket(1e-9, 1.0, 0.0)
    assert [desk.take(packet(id=f"a-{number}")) for number in range(3)] == [True, False, False]


def test_signs_of_life_are_passed_on_once_a_second(desk: Desk) -> None:
    for number in range(3):
        desk.take(packet(id=f"a-{number}"))
    assert desk.seen == ["sid"]
    desk.ticket.seen_at -= 1.5
    desk.take(packet(id="b"))
    assert desk.seen == ["sid", "sid"]


def test_writes_that_wait_for_replicas_go_their_own_way(desk: Desk) -> None:
    sent: list[Any] = []
    desk.ticket.send = lambda command, on_reply: sent.append((command, on_reply))
    assert desk.take(packet())
    assert desk.pipe.out == []
    [(command, on_reply)] = sent
    assert command.startswith(HEAD)
    on_reply(RECEIPT)
    assert (desk.lane.in_flight, len(desk.sink.outbox)) == (0, 1)


# --- and back ---


def test_the_receipt_is_acked(desk: Desk) -> None:
    desk.take(packet(ack="15"))
    desk.pipe.answer(RECEIPT)
    ack = b'4315[{"seq":12,"time":1764000000000,"epoch":"0123456789abcdef","duplicate":false,"ok":true}]'
    assert desk.sink.outbox == [bytes((0x81, len(ack))) + ack]
    assert (desk.lane.in_flight, desk.tally.count, desk.tally.durations.heights) == (0, 1, [1, 0])


def test_a_repeat_is_acked_as_one(desk: Desk) -> None:
    desk.take(packet())
    desk.pipe.answer([1, *RECEIPT[1:]])
    assert b'"duplicate":true' in desk.sink.outbox[0]


def test_nobody_is_acked_who_asked_for_none(desk: Desk) -> None:
    desk.take(packet(ack=""))
    desk.pipe.answer(RECEIPT)
    assert (desk.sink.outbox, desk.tally.count) == ([], 1)


def test_an_ack_for_a_slow_client_goes_the_slow_way(desk: Desk) -> None:
    desk.take(packet())
    desk.sink.credit = 0
    desk.pipe.answer(RECEIPT)
    [(sinks, ack)] = desk.out.slowly
    assert sinks == [desk.sink]
    assert ack.startswith(b'37[{"seq":12,')


@pytest.mark.parametrize("reply", [ConnectionError("lost"), [2], b"OK"])
def test_what_is_no_receipt_is_for_others_to_answer(desk: Desk, reply: Any) -> None:
    desk.take(packet())
    desk.pipe.answer(reply)
    [(receipt, same)] = desk.failed
    assert same is reply
    assert (receipt.sink, receipt.ack, receipt.payload) == (desk.sink, b"7", packet())
    assert receipt.started > 0
    assert (desk.lane.in_flight, desk.tally.count, desk.sink.outbox) == (0, 0, [])


# --- from the frame ---


class RedisConnection:
    """The receiving end of a WebSocket over a desk."""

    def __init__(self, desk: Desk) -> None:
        came: list[bytes] = []

        class FrameReceiver(desk.hot.FrameReceiver):  # type: ignore[name-defined, misc]
            def came(self, data: bytes) -> None:
                came.append(data)

        self.came = came
        self.traffic = desk.hot.Traffic()
        self.inlet = FrameReceiver(desk.sink, is_probe=False, unmask=unmask, traffic=self.traffic, lane=desk.lane)


@pytest.fixture
def link(desk: Desk) -> RedisConnection:
    return RedisConnection(desk)


@pytest.mark.parametrize("size", [1, 60, 61, 62, 63, 900])
def test_a_whole_text_frame_is_taken(desk: Desk, link: RedisConnection, size: int) -> None:
    """Around 126 bytes of payload the header changes its form."""
    payload = packet("x" * size)
    frame = masked(TEXT, payload)
    link.inlet.data_received(frame)
    assert link.came == []
    assert orjson.loads(b"{" + desk.arguments()[2])["text"] == "x" * size
    assert link.traffic.received == len(frame)


def test_what_is_not_taken_comes_with_all_its_bytes(desk: Desk, link: RedisConnection) -> None:
    whole = masked(TEXT, packet())
    odd = [
        whole[:-1],
        whole + b"x",
        whole[1:],
        b"\x82" + whole[1:],
        b"\x01" + whole[1:],
        b"",
        b"\x81",
        masked(TEXT, packet("x" * 66_000)),
    ]
    for data in odd:
        link.inlet.data_received(data)
    assert link.came == odd
    assert desk.pipe.out == []
    assert link.traffic.received == sum(map(len, odd))


@pytest.mark.parametrize("state", ["held", "midway", "probe", "closed", "no lane"])
def test_a_connection_in_another_state_takes_everything_the_general_way(
    desk: Desk, link: RedisConnection, state: str
) -> None:
    if state == "held":
        desk.sink.held = 1
    elif state == "midway":
        link.inlet.is_midway = True
    elif state == "probe":
        link.inlet.is_probe = True
    elif state == "closed":
        link.inlet.session = None
    else:
        link.inlet.lane = None
    frame = masked(TEXT, packet())
    link.inlet.data_received(frame)
    assert (link.came, desk.pipe.out) == ([frame], [])


# --- both take the same, and nothing that is refused elsewhere ---

_bits = st.sampled_from(
    [
        *("42", "7", "0", "07", '["message:send",', "{", '"room":', f'"{ROOM}"', ",", '"id":', '"a-1"', '"text":', '"'),
        *('"}]', "}]", "hi", "é", "\\n", '\\"', "\\u00e9", "\\ud83d", "\\", "\x00", ',"reply_to":', "5", "0", " "),
        *('"id":"b","text":"', '"hello"}]', f'42["message:send",{{"room":"{ROOM}","id":"a-1","text":"'),
    ]
)
_text = st.one_of(st.text(max_size=20), st.lists(_bits, max_size=12).map("".join))
_whole = st.builds(
    lambda ack, text, end: packet(text, ack=ack, end=end),
    st.sampled_from(["", "0", "7", "007", "1234567890123456", "12345678901234567"]),
    _text,
    st.sampled_from(["", "", ',"reply_to":5', ',"reply_to":0', ',"reply_to":9007199254740993', ',"x":1']),
)


@st.composite
def _payloads(draw: st.DrawFn) -> bytes:
    payload: bytes = draw(st.one_of(_whole, _text.map(lambda text: text.encode("utf-8", "surrogatepass"))))
    if draw(st.booleans()) and payload:
        at = draw(st.integers(0, len(payload) - 1))
        payload = payload[:at] + draw(st.binary(max_size=2)) + payload[at + draw(st.integers(0, 2)) :]
    return payload


@given(_payloads())
def test_both_take_the_same_and_only_what_the_ordinary_way_accepts(payload: bytes) -> None:
    desks = [Desk(plain()), Desk(compiled())]
    taken = [desk.take(payload) for desk in desks]
    assert taken[0] == taken[1]
    if not taken[0]:
        return
    one, other = (desk.arguments()[1:] for desk in desks)
    assert one == other
    event = StrictPacket(encoded_packet=payload.decode()[1:])
    assert event.data[0] == "message:send"
    message = msgspec.convert(event.data[1], MessageSend)
    tail = orjson.loads(b"{" + one[1])
    assert (message.room, message.upload) == (ROOM, None)
    assert (tail["id"], tail["text"], tail.get("reply_to")) == (message.id, message.text, message.reply_to)
    for desk in desks:
        desk.pipe.answer(RECEIPT)
        acked = [] if event.id is None else [b"43%d[" % event.id]
        assert [frame[2 : 2 + len(acked[0])] for frame in desk.sink.outbox] == acked


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_quick_and_plain_unmasking_are_one(data: bytes, mask: bytes) -> None:
    one, other = bytearray(data), bytearray(data)
    unmask(mask, one)
    quick_unmask(mask, other)
    assert one == other
