"""Encode and decode the messages that processes publish through Redis. Every message carries a version.

**Room packets** (on `room:{R}` and `namespace:{S}`) are delivered without parsing JSON: a fixed header, then the
finished Socket.IO packet. Integers are big-endian.

    offset  size  field
    0       1     version, 1
    1       1     kind: 1 logged message, 2 event, 3 event with binary attachments, 4 close the room,
                  5 a note for gateways, which clients do not see
                  6 an event that asks each member for an ack
    2       16    epoch, ASCII (kind 1; else zero bytes)
    18      8     seq (kind 1; else 0)
    26      1     a = length of the namespace
    27      2     b = length of the skip list (session ids joined by commas)
    29      a     namespace, UTF-8
    29+a    b     skip list, ASCII; an entry `=name` means the members of room `name` (percent-encoded)
    29+a+b        the Socket.IO packet, UTF-8 (kind 3: 4-byte length and packet, then the same per attachment;
                  kinds 5 and 6: a version byte and the MessagePack of a struct)

The skip list of a packet that a script publishes may be the publisher token of `roomcast.wire.seals` instead. That
module also describes the seal that may stand before an envelope of any kind.

The script that appends to a room's log writes the same header for kind 1.

**Structs** (node messages, notes, presence, control, media) are MessagePack of a tagged struct after one version byte:
see `pack` and `Reader`.
"""

from __future__ import annotations

import struct
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct

VERSION: Final = 1
KIND_MESSAGE: Final = 1
KIND_EVENT: Final = 2
KIND_BINARY: Final = 3
KIND_CLOSE: Final = 4
KIND_NOTE: Final = 5
KIND_QUESTION: Final = 6
EPOCH_LENGTH: Final = 16
NO_EPOCH: Final = b"\0" * EPOCH_LENGTH

_FIXED: Final = struct.Struct(">BB16sQ")
unpack_fixed: Final = _FIXED.unpack_from
"""Read version, kind, epoch and seq of a room packet; raises struct.error for fewer bytes."""
ROUTING_OFFSET: Final = _FIXED.size
"""The offset of the lengths, the namespace and the skip list in a room packet; see `pack_routing`."""
_HEADER: Final = struct.Struct(_FIXED.format + "BH")
HEADER_SIZE: Final = _HEADER.size


class EnvelopeError(ValueError):
    """Data from a channel that is not an envelope, or of a version that this release cannot read."""


class RoomPacket(NamedTuple):
    """One decoded room packet. `body`: the bytes after the skip list, for most kinds a finished Socket.IO packet."""

    kind: int
    epoch: bytes
    seq: int
    namespace: str
    skip: tuple[str, ...]
    body: bytes


def pack_routing(namespace: str, skip: tuple[str, ...] = ()) -> bytes:
    """Return the tail of a header, from ROUTING_OFFSET: lengths, namespace and skip list."""
    raw_namespace = namespace.encode()
    raw_skip = ",".join(skip).encode()
    if len(raw_namespace) > 255 or len(raw_skip) > 65_535:
        raise EnvelopeError("namespace or skip list too long")
    return struct.pack(">BH", len(raw_namespace), len(raw_skip)) + raw_namespace + raw_skip


def _unlogged_head(kind: int, namespace: str, skip: tuple[str, ...] = ()) -> bytes:
    """Return the header, without epoch and seq, of a packet that the log does not keep."""
    return bytes((VERSION, kind)) + NO_EPOCH + bytes(8) + pack_routing(namespace, skip)


def pack_event(namespace: str, packet: bytes, skip: tuple[str, ...] = (), attachments: tuple[bytes, ...] = ()) -> bytes:
    """Return a room packet without a seq: an event that the log does not keep."""
    head = _unlogged_head(KIND_BINARY if attachments else KIND_EVENT, namespace, skip)
    if not attachments:
        return head + packet
    parts = [head]
    for part in (packet, *attachments):
        parts += (len(part).to_bytes(4, "big"), part)
    return b"".join(parts)


def pack_close(namespace: str) -> bytes:
    """Return a room packet that makes every member leave the room."""
    return _unlogged_head(KIND_CLOSE, namespace)


def pack_note(namespace: str, note: Struct) -> bytes:
    """Return a room packet for the gateways that are subscribed to the room; `note` is a struct that they decode."""
    return note_head(namespace) + encode_struct(note)


def pack_question(namespace: str, question: Struct, skip: tuple[str, ...] = ()) -> bytes:
    """Return a room packet with a `question`: an event, and the address of the acks."""
    return _unlogged_head(KIND_QUESTION, namespace, skip) + pack(question)


def note_head(namespace: str, token: tuple[str, ...] = ()) -> bytes:
    """Return the head of a note, to which a script appends the MessagePack. `token`: see `roomcast.wire.seals`."""
    return _unlogged_head(KIND_NOTE, namespace, token) + bytes((VERSION,))


def unpack_room(data: bytes) -> RoomPacket:
    """Return the room packet in `data`; raise EnvelopeError for anything else."""
    try:
        version, kind, epoch, seq, namespace_size, skip_size = _HEADER.unpack_from(data)
    except struct.error:
        raise EnvelopeError("shorter than a header") from None
    start = HEADER_SIZE + namespace_size
    end = start + skip_size
    if version != VERSION or not KIND_MESSAGE <= kind <= KIND_QUESTION or len(data) < end:
        raise EnvelopeError(f"version {version}, kind {kind}, {len(data)} bytes")
    body = data[end:]
    if kind <= KIND_EVENT and not (body.startswith(b"2") and body.endswith(b"]") and body.isascii()):
        check_event(body)  # a complete ASCII event needs no further check
    try:
        namespace = data[HEADER_SIZE:start].decode()
        skip = tuple(data[start:end].decode("ascii").split(",")) if skip_size else ()
    except UnicodeDecodeError as error:
        raise EnvelopeError(str(error)) from None
    return RoomPacket(kind, epoch, seq, namespace, skip, body)


def check_event(packet: bytes, attachments: int = 0) -> None:
    """Raise EnvelopeError for a malformed packet, which would end the connection of every client that receives it.

    Only the beginning and the end are checked. The content between them needs no check, because a script or a node's
    serializer wrote it.
    """
    kind = b"5%d-" % attachments if attachments else b"2"
    if not packet.startswith(kind) or not packet.endswith(b"]"):
        raise EnvelopeError("not a complete Socket.IO event")
    if not packet.isascii():
        try:
            packet.decode()
        except UnicodeDecodeError as error:
            raise EnvelopeError(str(error)) from None


def split_attachments(body: bytes) -> tuple[bytes, list[bytes]]:
    """Return the packet and its attachments from the body of a KIND_BINARY room packet."""
    parts: list[bytes] = []
    at = 0
    while at < len(body):
        size = int.from_bytes(body[at : at + 4], "big")
        at += 4
        if at + size > len(body):
            raise EnvelopeError("attachment cut short")
        parts.append(body[at : at + size])
        at += size
    if not parts:
        raise EnvelopeError("no packet")
    check_event(parts[0], len(parts) - 1)
    return parts[0], parts[1:]


encode_struct: Final = msgspec.msgpack.Encoder().encode
"""Return a struct as MessagePack, without a version."""


def pack(message: Struct) -> bytes:
    """Return a version byte, then the message as MessagePack."""
    return bytes((VERSION,)) + encode_struct(message)


class Reader:
    """Decodes one family of messages: `Reader(NodeMessage).unpack(data)`."""

    def __init__(self, family: Any) -> None:
        self._decoder = msgspec.msgpack.Decoder(family)

    def unpack(self, data: bytes) -> Any:
        """Return the message in `data`; raise EnvelopeError for another version or form."""
        if not data or data[0] != VERSION:
            raise EnvelopeError(f"version {data[0] if data else None}")
        try:
            return self._decoder.decode(memoryview(data)[1:])
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:  # ValueError: a text that is not UTF-8
            raise EnvelopeError(str(error)) from None
