"""Encode Socket.IO packets as bytes, with the packet class of the server, so that the server's serializer applies."""

from __future__ import annotations

from typing import Any, cast

import msgspec
from socketio import packet as sio_packet

from roomcast.wire.envelope import EnvelopeError

_arguments: msgspec.msgpack.Decoder[list[Any]] = msgspec.msgpack.Decoder(list[Any])


def encode_event(server: Any, namespace: str, event: str, data: Any) -> tuple[bytes, list[bytes]]:
    """Return the packet of an event and its binary attachments, in the format of this python-socketio server."""
    return encode(packet_class_of(server), namespace, event, data)


def packet_class_of(server: Any) -> Any:
    """Return the packet class of a server, or python-socketio's own packet class if there is no server."""
    return sio_packet.Packet if server is None else server.packet_class


def encode(
    packet_class: Any, namespace: str, event: str, data: Any, ack_id: int | None = None
) -> tuple[bytes, list[bytes]]:
    """Return the packet of an event and its binary attachments.

    `data`: a tuple for several arguments, None for no argument. Raise ValueError for a serializer that is not JSON.
    """
    arguments = list(data) if isinstance(data, tuple) else [] if data is None else [data]
    packet = packet_class(sio_packet.EVENT, namespace=namespace, data=[event, *arguments], id=ack_id)
    if (parts := getattr(packet, "parts", None)) is not None:
        return cast("tuple[bytes, list[bytes]]", parts())  # the packet class of roomcast.socketio
    encoded = packet.encode()
    if isinstance(encoded, str):
        return encoded.encode(), []
    if isinstance(encoded, list):
        return encoded[0].encode(), [bytes(part) for part in encoded[1:]]
    raise ValueError("binary serializers are not supported by the adapter")


def with_ack_id(packet: bytes, ack_id: int) -> bytes:
    """Return `packet`, an event without an ack id, with the id `ack_id`."""
    head, bracket, tail = packet.partition(b"[")
    return head + str(ack_id).encode() + bracket + tail


def encode_arguments(arguments: tuple[Any, ...]) -> bytes:
    """Return the arguments of an ack as MessagePack, for another node: JSON values and bytes."""
    return msgspec.msgpack.encode(arguments)


def decode_arguments(data: bytes) -> list[Any]:
    """Return the arguments that `encode_arguments` encoded. Raise EnvelopeError for other data."""
    try:
        return _arguments.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise EnvelopeError(str(error)) from None
