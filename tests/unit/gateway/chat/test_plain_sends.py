"""Plain sends: the packets that the fast path takes, its commands and acks, and its agreement with the general code."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomcast.contract.events.messages import MessageSend
from roomcast.contract.ids import CLIENT_ID, MAX_CLIENT_ID
from roomcast.engineio.limits.token_bucket import TokenBucket
from roomcast.engineio.websocket.frame_receiver import FrameReceiver
from roomcast.engineio.websocket.rfc6455 import TEXT
from roomcast.engineio.write_buffer import Traffic
from roomcast.gateway.chat.plain_sends import MAX_HELD_BYTES, PlainSends, SendTicket
from roomcast.gateway.operations.byte_allowance import ByteAllowance
from roomcast.gateway.operations.daily_bytes import ENTRY_BYTES
from roomcast.gateway.operations.histogram import Histogram, OutcomeCounter
from roomcast.socketio.packet import StrictPacket
from tests.unit.hotpath.fakes import flush_queue, pipeline, write_buffer
from tests.websocket_frames import masked

ROOM = "public:talk"
AUTHOR = b',"user":"ada","name":"Ada","kind":"text","text":'
HEAD = b"*2\r\n$7\r\nEVALSHA\r\n"
RECEIPT = [0, 12, 1_764_000_000_000, b"0123456789abcdef"]


class Client:
    """One session with a ticket for one room."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.failed: list[tuple[Any, Any]] = []
        self.out = flush_queue()
        self.pipeline = pipeline()
        self.buffer = write_buffer()
        self.outcome = OutcomeCounter(Histogram((1.0,)))
        self.plain_sends = PlainSends(
            self.out,
            self.outcome,
            seen=self.seen.append,
            failed=lambda pending, reply: self.failed.append((pending, reply)),
        )
        self.rooms = {ROOM}
        self.allowance = ByteAllowance()
        self.ticket = SendTicket(
            sid="sid",
            room=ROOM,
            rooms=self.rooms,
            head=HEAD,
            dedup=b"ada:",
            author=AUTHOR,
            bucket=TokenBucket(1_000.0, 1_000.0, 0.0),
            allowance=self.allowance,
            pipeline=self.pipeline,
            send=None,
            max_bytes=1_000,
            max_payload=10_000,
        )
        self.buffer.tickets = {ROOM.encode(): self.ticket}

    def take(self, payload: bytes) -> bool:
        return bool(self.plain_sends.take(self.buffer, payload))

    def arguments(self) -> list[bytes]:
        """Return the arguments behind HEAD in the command that was queued last."""
        rest = self.pipeline.out[-1].removeprefix(HEAD)
        found = []
        while rest:
            size, _, rest = rest.removeprefix(b"$").partition(b"\r\n")
            found.append(rest[: int(size)])
            assert rest[int(size) : int(size) + 2] == b"\r\n"
            rest = rest[int(size) + 2 :]
        return found


@pytest.fixture
def client() -> Client:
    return Client()


def packet(text: str = "hello", *, ack: str = "7", room: str = ROOM, id: str = "a-1", end: str = "") -> bytes:  # noqa: A002
    return f'42{ack}["message:send",{{"room":"{room}","id":"{id}","text":"{text}"{end}}}]'.encode()


# --- from the client to Redis ---


def test_a_plain_message_becomes_a_command(client: Client) -> None:
    assert client.take(packet())
    epoch, dedup, tail = client.arguments()
    assert re.fullmatch(rb"[0-9a-f]{16}", epoch)
    assert dedup == b"ada:a-1"
    assert tail == b'"id":"a-1","user":"ada","name":"Ada","kind":"text","text":"hello"}'
    assert (client.plain_sends.in_flight, client.plain_sends.taken, client.pipeline.calls) == (1, 1, ["schedule_flush"])


def test_each_message_proposes_a_new_epoch(client: Client) -> None:
    epochs = set()
    for number in range(100):
        assert client.take(packet(id=f"a-{number}"))
        epochs.add(client.arguments()[0])
    assert len(epochs) == 100


def test_messages_count_towards_the_daily_allowance_and_are_not_taken_once_it_is_spent(client: Client) -> None:
    assert client.take(packet())
    assert client.allowance.unreported == len(packet()) + ENTRY_BYTES
    client.allowance.is_spent = True
    assert not client.take(packet())
    assert client.allowance.unreported == len(packet()) + ENTRY_BYTES


PLAIN = [
    packet(ack=""),
    packet(ack="0"),
    packet(ack="9" * 16),
    packet("é€😀"),
    packet("x" * 1_000),
    packet('say \\"hi\\" \\\\ \\/ \\b\\f\\n\\r\\t'),
    packet("\\u00e9\\u0000\\uD7ff\\uE000\\ud700"),
    packet("a\x7f\u2028"),
    packet("\x7f\u2028a"),
    packet("\\u200b\\n."),
    packet("\u3042"),
    packet(" a"),
    packet(end=',"reply_to":1'),
    packet(end=',"reply_to":9007199254740992'),
    packet(id="!~"),
    packet(id="x" * 64),
    packet("]}]"),
]


@pytest.mark.parametrize("payload", PLAIN)
def test_a_plain_payload_has_the_same_meaning_in_the_general_code(client: Client, payload: bytes) -> None:
    assert client.take(payload)
    event = StrictPacket(encoded_packet=payload.decode()[1:])
    message = msgspec.convert(event.data[1], MessageSend)
    tail = orjson.loads(b"{" + client.arguments()[2])
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
    packet(" "),
    packet("\\n\\t"),
    packet("\\u200b"),
    packet("\u200b\u3000"),
    packet("\x7f\u2028"),
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
    packet(end=',"data":{}'),
    packet(end=',"reply_to":1,"data":{"a":1}'),
    packet(end=',"colour":"red"'),
    packet(end=',"text":"again"'),
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
def test_an_unusual_payload_is_left_to_the_general_code(client: Client, payload: bytes) -> None:
    assert not client.take(payload)
    assert (client.pipeline.out, client.plain_sends.in_flight, client.plain_sends.taken, client.seen) == ([], 0, 0, [])


def test_a_payload_above_the_limit_of_the_connection_is_not_taken(client: Client) -> None:
    client.ticket.max_payload = len(packet()) - 1
    assert not client.take(packet())
    client.ticket.max_payload += 1
    assert client.take(packet())


def test_the_ticket_of_a_session_that_left_the_room_is_not_used(client: Client) -> None:
    client.rooms.discard(ROOM)
    assert not client.take(packet())
    client.rooms.add(ROOM)
    assert client.take(packet())


def test_a_ticket_ends_with_its_redis_connection(client: Client) -> None:
    client.pipeline.is_open = False
    assert not client.take(packet())
    assert client.buffer.tickets == {}


def test_no_message_is_taken_without_tickets(client: Client) -> None:
    client.buffer.tickets = None
    assert not client.take(packet())


def test_a_message_above_the_rate_is_not_taken(client: Client) -> None:
    client.ticket.bucket = TokenBucket(1e-9, 1.0, 0.0)
    assert [client.take(packet(id=f"a-{number}")) for number in range(3)] == [True, False, False]


def test_the_activity_of_a_client_is_reported_at_most_once_a_second(client: Client) -> None:
    for number in range(3):
        client.take(packet(id=f"a-{number}"))
    assert client.seen == ["sid"]
    client.ticket.seen_at -= 1.5
    client.take(packet(id="b"))
    assert client.seen == ["sid", "sid"]


def test_the_command_goes_to_the_send_function_of_the_ticket_if_there_is_one(client: Client) -> None:
    sent: list[Any] = []
    client.ticket.send = lambda command, on_reply: sent.append((command, on_reply))
    assert client.take(packet())
    assert client.pipeline.out == []
    [(command, on_reply)] = sent
    assert command.startswith(HEAD)
    on_reply(RECEIPT)
    assert (client.plain_sends.in_flight, len(client.buffer.outbox)) == (0, 1)


def test_the_bytes_of_all_sends_without_a_receipt_are_bounded(client: Client) -> None:
    client.plain_sends.held_bytes = MAX_HELD_BYTES - len(packet()) + 1
    assert not client.take(packet())
    client.plain_sends.held_bytes -= 1
    assert client.take(packet())
    client.pipeline.answer(RECEIPT)
    assert client.plain_sends.held_bytes == MAX_HELD_BYTES - len(packet())


# --- from Redis to the client ---


def test_the_receipt_is_acked(client: Client) -> None:
    client.take(packet(ack="15"))
    client.pipeline.answer(RECEIPT)
    ack = b'4315[{"seq":12,"time":1764000000000,"epoch":"0123456789abcdef","duplicate":false,"ok":true}]'
    assert client.buffer.outbox == [bytes((0x81, len(ack))) + ack]
    assert (client.plain_sends.in_flight, client.outcome.count, client.outcome.durations.heights) == (0, 1, [1, 0])


def test_a_repeated_message_is_acked_as_a_duplicate(client: Client) -> None:
    client.take(packet())
    client.pipeline.answer([1, *RECEIPT[1:]])
    assert b'"duplicate":true' in client.buffer.outbox[0]


def test_a_message_without_an_ack_id_gets_no_ack(client: Client) -> None:
    client.take(packet(ack=""))
    client.pipeline.answer(RECEIPT)
    assert (client.buffer.outbox, client.outcome.count) == ([], 1)


def test_an_ack_for_a_client_without_credit_goes_to_send_slowly(client: Client) -> None:
    client.take(packet())
    client.buffer.credit = 0
    client.pipeline.answer(RECEIPT)
    [(buffers, ack)] = client.out.slowly
    assert buffers == [client.buffer]
    assert ack.startswith(b'37[{"seq":12,')


@pytest.mark.parametrize("reply", [ConnectionError("lost"), [2], b"OK"])
def test_a_reply_other_than_a_receipt_goes_to_the_general_code(client: Client, reply: Any) -> None:
    client.take(packet())
    client.pipeline.answer(reply)
    [(receipt, same)] = client.failed
    assert same is reply
    assert (receipt.buffer, receipt.ack, receipt.payload) == (client.buffer, b"7", packet())
    assert receipt.started > 0
    assert (client.plain_sends.in_flight, client.outcome.count, client.buffer.outbox) == (0, 0, [])


# --- from the WebSocket frame to the fast path ---


class Receiving:
    """The receiver of a client's WebSocket. `general` collects the bytes that go to the general code."""

    def __init__(self, client: Client) -> None:
        general: list[bytes] = []

        class Receiver(FrameReceiver):
            def receive(self, data: bytes) -> None:
                general.append(data)

        self.general = general
        self.traffic = Traffic()
        self.receiver = Receiver(client.buffer, is_probe=False, traffic=self.traffic, fast_path=client.plain_sends)


@pytest.fixture
def link(client: Client) -> Receiving:
    return Receiving(client)


@pytest.mark.parametrize("size", [1, 60, 61, 62, 63, 900])
def test_a_frame_with_a_whole_plain_message_is_taken(client: Client, link: Receiving, size: int) -> None:
    """The form of the header changes at 126 bytes of payload (RFC 6455, section 5.2)."""
    payload = packet("x" * size)
    frame = masked(TEXT, payload)
    link.receiver.data_received(frame)
    assert link.general == []
    assert orjson.loads(b"{" + client.arguments()[2])["text"] == "x" * size
    assert link.traffic.received == len(frame)


def test_bytes_that_are_not_taken_reach_the_general_code_unchanged(client: Client, link: Receiving) -> None:
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
        link.receiver.data_received(data)
    assert link.general == odd
    assert client.pipeline.out == []
    assert link.traffic.received == sum(map(len, odd))


@pytest.mark.parametrize("state", ["held", "midway", "probe", "closed", "no fast path"])
def test_bytes_on_a_connection_that_is_not_ready_for_the_fast_path_go_to_the_general_code(
    client: Client, link: Receiving, state: str
) -> None:
    if state == "held":
        client.buffer.held = 1
    elif state == "midway":
        link.receiver.is_midway = True
    elif state == "probe":
        link.receiver.is_probe = True
    elif state == "closed":
        link.receiver.session = None
    else:
        link.receiver.fast_path = None
    frame = masked(TEXT, packet())
    link.receiver.data_received(frame)
    assert (link.general, client.pipeline.out) == ([frame], [])


# --- the general code accepts every payload that the fast path takes ---

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
def test_the_general_code_accepts_each_payload_that_is_taken(payload: bytes) -> None:
    client = Client()
    if not client.take(payload):
        assert (client.pipeline.out, client.plain_sends.in_flight) == ([], 0)
        return
    event = StrictPacket(encoded_packet=payload.decode()[1:])
    assert event.data[0] == "message:send"
    message = msgspec.convert(event.data[1], MessageSend)
    tail = orjson.loads(b"{" + client.arguments()[2])
    assert (message.room, message.upload) == (ROOM, None)
    assert (tail["id"], tail["text"], tail.get("reply_to")) == (message.id, message.text, message.reply_to)
    client.pipeline.answer(RECEIPT)
    acked = [] if event.id is None else [b"43%d[" % event.id]
    assert [frame[2 : 2 + len(acked[0])] for frame in client.buffer.outbox] == acked


@given(st.characters(codec="utf-8"))
def test_ids_may_have_the_characters_of_the_contract_that_json_does_not_escape(character: str) -> None:
    allowed = re.fullmatch(CLIENT_ID, character) is not None and character not in '"\\'
    assert Client().take(packet(id=character)) == allowed


def test_an_id_may_be_as_long_as_in_the_contract() -> None:
    assert re.fullmatch(CLIENT_ID, "x" * MAX_CLIENT_ID)
    assert Client().take(packet(id="x" * MAX_CLIENT_ID))
    assert not Client().take(packet(id="x" * (MAX_CLIENT_ID + 1)))
