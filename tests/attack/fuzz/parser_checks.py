"""One check per parser. A check takes any bytes, and raises only if the parser breaks its contract.

A parser may raise one kind of error for bad input, which the docstring of its check names. Any other exception is a
finding. An accepted input that a rule forbids is a finding, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from roomcast.adapter.node_messages import NodeMessage
from roomcast.contract.envelope import ControlMessage, MediaReply
from roomcast.contract.ids import is_user_id
from roomcast.contract.tokens import sign
from roomcast.engineio.http.payload import PayloadError, PayloadReader
from roomcast.engineio.oversized import HEAD_BYTES, Data, Oversized
from roomcast.engineio.websocket.kernels import json_depth
from roomcast.engineio.websocket.opening import read_opening
from roomcast.engineio.websocket.rfc6455 import BINARY, CONTINUATION, PING, TEXT, FrameParser, Message
from roomcast.gateway.chat.plain_sends import _PLAIN
from roomcast.gateway.sign_in.claims import read_identity
from roomcast.gateway.sign_in.identity import TokenRefused
from roomcast.gateway.sign_in.keys import SharedSecret
from roomcast.socketio.packet import MAX_ATTACHMENTS, MAX_DEPTH, RESERVED_EVENTS, StrictPacket
from roomcast.wire.envelope import KIND_BINARY, EnvelopeError, Reader, split_attachments, unpack_room
from tests.websocket_frames import masked

MAX_MESSAGE: Final = 4_096
SMALL_MESSAGE: Final = 40
"""Limits of a message in the tested frame parsers and payload readers, in bytes."""
NOW: Final = 1_800_000_000.0
SECRET: Final = "a secret of the fuzzer longer than 32 bytes"
_READERS: Final = tuple(Reader(family) for family in (NodeMessage | MediaReply, ControlMessage))
_keys: Final = SharedSecret(SECRET)


def packet(data: bytes) -> None:
    """Check that the Socket.IO parser raises ValueError or returns a packet that a client may send."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    with suppress(ValueError):
        found = StrictPacket(encoded_packet=text)
        assert 0 <= found.attachment_count <= MAX_ATTACHMENTS
        assert found.fault is None or (found.data is None and (found.packet_type == 0 or found.id is not None))
        if isinstance(found.data, list) and found.packet_type in (2, 5):
            assert found.data[0] not in RESERVED_EVENTS
        StrictPacket.reconstruct_binary(found.data, [b"x"] * found.attachment_count)


def plain_send(data: bytes) -> None:
    """Check that the general parser reads the same message from each packet that the fast path accepts."""
    match = _PLAIN.fullmatch(data)
    if match is None:
        return
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return  # a later check of the fast path refuses such bytes
    found = StrictPacket(encoded_packet=text[1:])
    name, message = found.data
    ack, room, message_id, _, reply_to = match.groups()
    assert (name, message["room"], message["id"]) == ("message:send", room.decode(), message_id.decode())
    assert found.id == (int(ack) if ack else None)
    assert message.get("reply_to") == (int(reply_to) if reply_to else None)


def depth(data: bytes) -> None:
    """Check that JSON that the strict parser accepts has at most MAX_DEPTH levels."""
    try:
        found = StrictPacket(encoded_packet="2" + data.decode())
    except ValueError:
        return
    assert _deepest(found.data) <= MAX_DEPTH
    assert json_depth(data) >= 1


def _deepest(value: object) -> int:
    """Return the number of levels of lists and objects. Not recursive, so that deep input does not end the fuzzer."""
    level, deepest = [value], 0
    while level := [item for item in level if isinstance(item, list | dict)]:
        deepest += 1
        level = [part for item in level for part in (item.values() if isinstance(item, dict) else item)]
    return deepest


def frames(data: bytes) -> None:
    """Check that the frame parser finds the same messages and failure in whole data and in small pieces."""
    whole = _parsed([data])
    step = 1 + (data[0] if data else 0) % 7
    assert _parsed([data[at : at + step] for at in range(0, len(data), step)]) == whole


def _parsed(pieces: list[bytes]) -> list[tuple[list[Message], int]]:
    return [_parsed_by(FrameParser(MAX_MESSAGE), pieces), _parsed_by(FrameParser(SMALL_MESSAGE, MAX_MESSAGE), pieces)]


def _parsed_by(parser: FrameParser, pieces: list[bytes]) -> tuple[list[Message], int]:
    found = list[Message]()
    for piece in pieces:
        found += parser.feed(piece)
        assert parser.held <= 2 * parser.max_size + HEAD_BYTES + 14 + sum(map(len, pieces[:1]))
    assert all(len(message) <= parser.max_size * 3 for message in found if isinstance(message, bytes | str))
    assert all(len(message.head) <= HEAD_BYTES for message in found if isinstance(message, Oversized))
    return found, parser.failure


def built_frames(data: bytes) -> None:
    """Check the frame parser with correct frame heads, so that the fuzzer reaches the code after the head."""
    opcodes, stream, at = (TEXT, BINARY, CONTINUATION, PING), b"", 0
    while at + 2 <= len(data):
        size = data[at + 1] % 64
        stream += masked(opcodes[data[at] & 3], data[at + 2 : at + 2 + size], fin=bool(data[at] & 4))
        at += 2 + size
    frames(stream)


def body(data: bytes) -> None:
    """Check that the reader of POST bodies raises PayloadError, or finds the same packets in small pieces."""
    try:
        whole = _packets([data])
    except PayloadError:
        return
    assert all(isinstance(part, bytes) or part for part in whole)
    assert _packets([data[at : at + 7] for at in range(0, len(data), 7)]) == whole


def _packets(pieces: list[bytes]) -> list[Data]:
    reader = PayloadReader(SMALL_MESSAGE)
    return [packet for piece in pieces for packet in reader.feed(piece)] + [reader.end()]


def opening(data: bytes) -> None:
    """Check that the reader of HTTP openings returns None, or a request with the path and headers of its contract."""
    found = read_opening(data, "/socket.io/", "127.0.0.1", "http")
    if found is None:
        return
    assert found.path in ("/socket.io", "/socket.io/")
    assert "Content-Length" not in found.headers
    assert found.headers["Upgrade"].lower() == "websocket"
    assert all("\r" not in value and "\n" not in value for value in found.headers.values())


def envelope(data: bytes) -> None:
    """Check that the readers of published packets raise EnvelopeError or return a message."""
    with suppress(EnvelopeError):
        found = unpack_room(data)
        if found.kind == KIND_BINARY:
            split_attachments(found.body)
    for reader in _READERS:
        with suppress(EnvelopeError):
            reader.unpack(data)


def token(data: bytes) -> None:
    """Check that every token is refused with TokenRefused, because the fuzzer has no secret to sign a token."""
    with suppress(TokenRefused):
        asyncio.run(_keys.open(data.decode("latin-1")))
        raise AssertionError("a token without the secret was accepted")


def claims(data: bytes) -> None:
    """Check that the reader of signed claims raises TokenRefused or returns a valid identity."""
    with suppress(TokenRefused):
        found = read_identity(data, NOW)
        assert is_user_id(found.user)
        assert found.expires > NOW
        assert found.ops in (True, False)
        found.name.encode()
        found.token_id.encode()


PARSERS: Final[dict[str, Callable[[bytes], None]]] = {
    check.__name__: check
    for check in (packet, plain_send, depth, frames, built_frames, body, opening, envelope, token, claims)
}

SEEDS: Final[dict[str, tuple[bytes, ...]]] = {
    "packet": (
        b'2["message:send",{"room":"public:lobby","id":"a","text":"x"}]',
        b'51-/x,7["e",{"_placeholder":true,"num":0}]',
        b'0{"token":"x"}',
        b'317[{"ok":true}]',
        b'2["e","\\ud83d"]',
        b"1",
        b'2["e",1e999]',
    ),
    "plain_send": (b'427["message:send",{"room":"public:lobby","id":"a","text":"x\\n\\u0041","reply_to":7}]',),
    "depth": (b'["e",' + b"[" * 60 + b"]" * 60 + b"]", b'["e","[[[\\"[[",{"a":{"b":[]}}]'),
    "frames": (
        masked(TEXT, b"4hello"),
        masked(TEXT, b"42", fin=False) + masked(PING, b"") + masked(CONTINUATION, b"[]"),
        masked(BINARY, b"x" * 200),
    ),
    "built_frames": (b"\x04\x034hi", b"\x00\x034hi\x07\x00\x06\x022x", b"\x04\x01\xff"),
    "body": (b"4hello\x1e3", b"bAAEC\x1e2", "4é".encode()),
    "opening": (
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    ),
    "envelope": (
        b"\x01\x01" + b"0123456789abcdef" + bytes(7) + b"\x07\x01\x00\x00/" + b'2["message",{"seq":7}]',
        b"\x01\x03" + bytes(24) + b"\x01\x00\x00/" + b'\x00\x00\x00\x0651-["]\x00\x00\x00\x01x',
        b"\x01\x83\xa4type\xa6kicked\xa4room\xa1x\xa4user\xa1y",
    ),
    "token": (sign("x" * 40, "ada").encode(), b"eyJhbGciOiJub25lIn0.e30."),
    "claims": (
        b'{"sub":"ada","exp":1800000060,"iat":1799999999,"rooms":["team:*"],"create":["x"],"ops":true,"jti":"j"}',
        b'{"sub":"auth0|x","exp":1800000060,"name":"\\ud83d"}',
    ),
}
